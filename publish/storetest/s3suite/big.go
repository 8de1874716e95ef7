package s3suite

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"datestone/layout"
)

const (
	bigVariable   = "DATESTONE_TEST_BIG"
	childVariable = "DATESTONE_TEST_BIG_CHILD"
	// bigSize is more than one request puts or copies.
	bigSize   = 6 << 30
	bigDigest = "5c32c2b28999325bc5ad39d6530bcb46fbdf1f86375a991b7269764c50b0d109" // of as many zeros
	bigMemory = 200_000                                                            // kB, of the whole process
)

// Big puts and links an object of 6 GiB, each time in a process of its own,
// which runs t alone, so that the most memory it ever had can be asked for.
func Big(t *testing.T, d Driver) {
	if endpoint, bucket, ok := strings.Cut(os.Getenv(childVariable), " "); ok {
		d.putBig(t, endpoint, bucket)
		return
	}
	if os.Getenv(bigVariable) == "" {
		t.Skipf("writes 12 GiB twice: set %s=1", bigVariable)
	}
	child := "-test.run=^" + t.Name() + "$"
	for _, s := range allServers {
		t.Run(s.name, func(t *testing.T) {
			server := s.start(t)
			cmd := exec.CommandContext(t.Context(), os.Args[0], child, "-test.v", "-test.timeout=30m")
			cmd.Env = append(os.Environ(), childVariable+"="+server.Endpoint+" "+server.Bucket(t))
			out, err := cmd.CombinedOutput()
			t.Logf("%s", out)
			if err != nil {
				t.Fatal(err)
			}
		})
	}
}

func (d Driver) putBig(t *testing.T, endpoint, bucket string) {
	store, ctx := d.open(t, Config{Endpoint: endpoint, Bucket: bucket}), t.Context()
	sum, err := layout.ParseDigest(bigDigest)
	if err != nil {
		t.Fatal(err)
	}
	p := zerosOf("1.iso", bigSize, sum)
	p.Create = true
	to := p.Object
	to.Key = "2.iso"
	_, err = store.Put(ctx, p)
	if err := errors.Join(err, store.Link(ctx, p.Key, to)); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{p.Key, to.Key} {
		if info, err := store.Stat(ctx, key); err != nil || info.Size != bigSize || info.Header != p.Header {
			t.Errorf("Stat(%q) = %+v, %v", key, info, err)
		}
	}
	if err := store.Delete(ctx, p.Key, to.Key); err != nil {
		t.Error(err)
	}
	most, err := peakMemory()
	if err != nil {
		t.Skip(err)
	}
	t.Logf("%d kB of memory at most", most)
	if most > bigMemory {
		t.Errorf("%d kB of memory at most, want no more than %d", most, bigMemory)
	}
}

// peakMemory returns the most memory that this process has had, in kB.
func peakMemory() (int, error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, fmt.Errorf("this system does not say how much memory was used: %w", err)
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	rest, _, _ = strings.Cut(rest, "kB")
	return strconv.Atoi(strings.TrimSpace(rest))
}
