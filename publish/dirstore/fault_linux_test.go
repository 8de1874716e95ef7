package dirstore_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"datestone/layout"
	"datestone/publish"
)

func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() == 0 {
		return
	}
	if os.Getenv("DATESTONE_TEST_REQUIRE") == "1" {
		t.Fatal("needs root, and DATESTONE_TEST_REQUIRE forbids to skip")
	}
	t.Skip("needs root")
}

func TestPut_noSpaceLeft(t *testing.T) {
	needRoot(t)
	t.Parallel()
	root := t.TempDir()
	if err := unix.Mount("tmpfs", root, "tmpfs", 0, "size=256k"); err != nil {
		t.Skipf("no file system can be mounted here: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(root, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	s := open(t, root)
	put(t, s, "before", "x")
	_, err := s.Put(t.Context(), bytesOf("large", string(make([]byte, 1<<20))))
	wantError(t, err, syscall.ENOSPC, `put "large"`, fmt.Sprintf("no space left for 1048576 bytes in %q", root))
	put(t, s, "after", string(make([]byte, 128<<10))) // what was begun is gone
}

// The thread becomes nobody as far as files are concerned, and ends with the
// test: it is not unlocked.
func TestPut_permissionDenied(t *testing.T) {
	needRoot(t)
	t.Parallel()
	s := open(t, t.TempDir())
	put(t, s, "a", "x")
	runtime.LockOSThread()
	if err := unix.Setfsuid(65534); err != nil {
		t.Fatal(err)
	}
	defer unix.Setfsuid(0) // for the cleanup, which runs in this thread
	_, err := s.Put(context.Background(), bytesOf("dir/b", "x"))
	wantError(t, err, fs.ErrPermission, `put "dir/b"`)
	if err := s.Delete(context.Background(), "a"); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("Delete = %v, want fs.ErrPermission", err)
	}
	wantBody(t, s, "a", "x")
}

func TestGet_pipeIsNoObject(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	if err := unix.Mkfifo(filepath.Join(root, "pipe"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, _, err := open(t, root).Get(t.Context(), "pipe", 0, -1)
	wantError(t, err, err, `get "pipe"`, "no regular file")
}

const childRoot = "DATESTONE_TEST_PUT_SLOWLY_IN"

// TestPutSlowly is the process that TestPut_killed kills.
func TestPutSlowly(t *testing.T) {
	root := os.Getenv(childRoot)
	if root == "" {
		t.Skip("is run by TestPut_killed")
	}
	p := publish.Put{Object: layout.Object{Key: "dir/file", Size: 1 << 40}, Create: true}
	p.Open = func(context.Context) (io.ReadCloser, error) { return io.NopCloser(&endless{}), nil }
	_, err := open(t, root).Put(t.Context(), p)
	t.Fatal(err)
}

// endless says when it has been read from twice: something is written by then.
type endless struct{ reads int }

func (e *endless) Read(p []byte) (int, error) {
	if e.reads++; e.reads == 3 {
		fmt.Println("writing")
	}
	time.Sleep(time.Millisecond)
	return len(p), nil
}

func TestPut_killed(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	child := exec.Command(os.Args[0], "-test.run=^TestPutSlowly$")
	child.Env = append(os.Environ(), childRoot+"="+root)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "writing\n" {
		t.Errorf("the other process says %q, %v", line, err)
	}
	child.Process.Kill()
	child.Wait()
	s := open(t, root)
	if keys := list(t, s, ""); keys != nil {
		t.Errorf("List = %q, want nothing", keys)
	}
	left := files(t, filepath.Join(root, ".datestone", "tmp"))
	if len(left) != 2 {
		t.Fatalf("below tmp there is %q, want one file", left)
	}
	put(t, s, "dir/file", "x")
	wantFiles(t, root, 2) // it is young: someone may be writing it
	old := time.Now().Add(-25 * time.Hour)
	if err := os.Chtimes(filepath.Join(root, ".datestone", "tmp", left[1]), old, old); err != nil {
		t.Fatal(err)
	}
	put(t, open(t, root), "dir/file", "y")
	wantFiles(t, root, 1)
}

func wantFiles(t *testing.T, root string, want int) {
	t.Helper()
	if left := files(t, filepath.Join(root, ".datestone", "tmp")); len(left) != want {
		t.Errorf("below tmp there is %q, want %d", left, want)
	}
}
