package main

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"datestone/publish/storetest/servers"
)

// An rcloneRun has the program rclone do what a run does, on the same server.
// It reads the files, and the pages, from a local directory, which is less
// work than from a remote.
type rcloneRun struct {
	bin, to string
	dirs    [2]string
}

// newRclone skips b where rclone is not installed.
func newRclone(b *testing.B, server servers.Server, remote *benchRemote) rcloneRun {
	bin, err := exec.LookPath("rclone")
	if err != nil {
		b.Skip(err)
	}
	r := rcloneRun{bin: bin, to: rcloneBucket(server, server.Bucket(b))}
	for i := range r.dirs {
		r.dirs[i] = b.TempDir()
		remote.states[i].write(b, r.dirs[i])
	}
	return r
}

// rcloneBucket is what rclone calls a bucket, with the slash behind it.
func rcloneBucket(server servers.Server, bucket string) string {
	provider := "Other"
	if server.Name == "minio" {
		provider = "Minio"
	}
	return fmt.Sprintf(":s3,provider=%s,env_auth=true,no_check_bucket=true,endpoint='%s':%s/", provider, server.Endpoint, bucket)
}

func rcloneFlags() []string {
	return []string{"--config", "", "copy", "--checksum", "--transfers", fmt.Sprint(benchWorkers), "--checkers", fmt.Sprint(benchWorkers)}
}

// first is the first checkpoint; next is the one after it, by copies on the
// server of what did not change. --checksum spares it a request for each
// object's time.
func (r rcloneRun) first(b *testing.B) time.Duration { return r.copy(b, r.dirs[0], r.to+"first") }

func (r rcloneRun) next(b *testing.B) time.Duration {
	return r.copy(b, r.dirs[1], r.to+"next", "--copy-dest", r.to+"first")
}

func (r rcloneRun) copy(b *testing.B, words ...string) time.Duration {
	b.Helper()
	args := append(rcloneFlags(), words...)
	cmd := exec.CommandContext(b.Context(), r.bin, args...)
	// rclone refuses to work where the variable is set; the server speaks no TLS.
	cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "AWS_CA_BUNDLE=") })
	settle()
	return timed(func() {
		if out, err := cmd.CombinedOutput(); err != nil {
			b.Fatalf("rclone %q: %v: %s", args, err, out)
		}
	})
}
