package servers

import (
	"os/exec"
	"runtime"
)

// run starts cmd. The server dies with this process where the system can do
// that: a test that is killed runs no cleanup.
func run(cmd *exec.Cmd) (kill func(), ended <-chan struct{}, err error) {
	dieWithParent(cmd)
	started := make(chan error)
	done := make(chan struct{})
	go func() {
		defer close(done)
		// Linux takes the end of the thread that started a child for the end
		// of the parent, so the thread has to stay.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		return nil, nil, err
	}
	return func() { cmd.Process.Kill() }, done, nil
}
