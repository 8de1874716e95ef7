package servers

import "testing"

// An Alone is a server of one test's own, which may be killed and started
// again: it keeps its address and what stands in it.
type Alone struct {
	Server
	process *process
}

// MinIOAlone starts a MinIO that no other test uses.
func MinIOAlone(t testing.TB) *Alone {
	t.Helper()
	return minioProgram.alone(t)
}

// VersityGWAlone starts a versitygw that no other test uses.
func VersityGWAlone(t testing.TB) *Alone {
	t.Helper()
	return versityProgram.alone(t)
}

func (p *program) alone(t testing.TB) *Alone {
	t.Helper()
	bin, err := find(p.name)
	if err != nil {
		missing(t, err)
	}
	setEnvironment()
	proc, err := p.start(bin)
	if err != nil {
		t.Fatalf("start %s: %v", p.name, err)
	}
	t.Cleanup(proc.stop)
	return &Alone{proc.server, proc}
}

// Kill ends the server as a crash of it does, in the middle of whatever it is
// doing, and returns when it is gone.
func (a *Alone) Kill() {
	a.process.kill()
	<-a.process.ended
}

// Start starts a killed server again, and returns when it answers.
func (a *Alone) Start() error { return a.process.begin() }
