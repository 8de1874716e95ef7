package index_test

import (
	"bufio"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"datestone/index"
)

// roles are what the test binary does when it is started as a second process.
// They say on stdout that they have begun.
var roles = map[string]func(path string) int{
	"hold":  hold,
	"write": writeStates,
}

func hold(path string) int {
	if _, err := index.Open(path, config); err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println("begun")
	time.Sleep(time.Minute)
	return 0
}

// writeStates puts state after state, until it is killed.
func writeStates(path string) int {
	db, err := index.Open(path, config)
	for seed := uint64(os.Getpid()); err == nil; seed++ {
		var root index.Root
		if root, err = db.PutState(series(3000, spread(3000, 2, seed))); err == nil {
			err = db.SetRepo("r", index.Repo{Table: table("r", day1, day2), Newest: root, State: root})
		}
		fmt.Println("begun")
	}
	fmt.Println(err)
	return 1
}

// start starts a second process, and returns when it has begun.
func start(t *testing.T, role, path string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), "INDEX_TEST_ROLE="+role, "INDEX_TEST_PATH="+path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { kill(cmd) })
	line, err := bufio.NewReader(out).ReadString('\n')
	if line != "begun\n" {
		t.Fatalf("second process says %q, %v", line, err)
	}
	go func() { // so that it is never blocked
		for s := bufio.NewScanner(out); s.Scan(); {
		}
	}()
	return cmd
}

func kill(cmd *exec.Cmd) {
	cmd.Process.Kill()
	cmd.Wait()
}

func TestSecondProcessIsToldOfTheFirst(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "index.db")
	other := start(t, "hold", path)
	for _, c := range []index.Config{
		{Bucket: bucketID, Timeout: 100 * time.Millisecond},
		{Bucket: bucketID, Timeout: 100 * time.Millisecond, ReadOnly: true},
		{Bucket: "s3://other", Timeout: 100 * time.Millisecond}, // which would set it aside
	} {
		_, err := index.Open(path, c)
		if !errors.Is(err, index.ErrInUse) || !strings.Contains(err.Error(), path) {
			t.Errorf("%+v: %v, want ErrInUse that names the file", c, err)
		}
	}
	if names, _ := filepath.Glob(path + "*"); len(names) != 1 {
		t.Errorf("files: %q", names)
	}
	kill(other)
	open(t, path)
}

func TestKilledWriterLeavesAnIndexThatHolds(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "index.db")
	for range 8 {
		other := start(t, "write", path)
		time.Sleep(time.Duration(rand.IntN(30_000)) * time.Microsecond)
		kill(other)
		db, err := index.Open(path, config)
		if err != nil {
			t.Fatal(err)
		}
		if name, why := db.SetAside(); name != "" {
			t.Errorf("set aside: %s", why)
		}
		if err := db.Check(); err != nil {
			t.Error(err)
		}
		r, err := db.Repo("r")
		if err != nil {
			t.Error(err)
		}
		files := collect(t, db.Files(r.Newest))
		if len(files) != 3000 {
			t.Errorf("%d files", len(files))
		}
		for _, f := range files[:100] {
			if _, err := db.Holder(f.SHA256); err != nil {
				t.Error(err)
			}
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}
}
