package reposync_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"datestone/layout"
	reposync "datestone/sync"
)

const (
	benchFiles   = 10_000
	benchSize    = 24 << 10
	benchWorkers = 16
)

// BenchmarkFetch brings 10,000 files of 24 KiB from a server on this machine,
// and does the same with a bare loop of the same number of workers, once as it
// is and once with the SHA-256 that Fetch checks. The rounds alternate, so
// that a busy machine is busy for all; reported are the quickest of each, and
// their ratios.
func BenchmarkFetch(b *testing.B) {
	body := strings.Repeat("0123456789abcdef", benchSize/16)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(benchSize))
		io.WriteString(w, body)
	}))
	b.Cleanup(s.Close)
	files := make([]layout.File, benchFiles)
	for i := range files {
		files[i] = file(fmt.Sprintf("pool/%03d/%06d.deb", i%500, i), body)
	}
	c := reposync.New(reposync.Config{})
	r := reposync.Remote{Type: "file", URL: s.URL + "/repo/PULP_MANIFEST", Parallel: benchWorkers}
	fetch := func() error {
		return c.Fetch(b.Context(), r, layout.Files(files), func(ctx context.Context, _ layout.File, open func(context.Context) (io.ReadCloser, error)) error {
			body, err := open(ctx)
			if err != nil {
				return err
			}
			defer body.Close()
			_, err = pour(io.Discard, body)
			return err
		})
	}
	ways := []func() error{fetch, bareLoop(s.URL, files, false), bareLoop(s.URL, files, true)}
	best := make([]time.Duration, len(ways))
	for b.Loop() {
		for i, way := range ways {
			start := time.Now()
			if err := way(); err != nil {
				b.Fatal(err)
			}
			if took := time.Since(start); best[i] == 0 || took < best[i] {
				best[i] = took
			}
		}
	}
	for i, name := range []string{"fetch", "bare", "bare+sha256"} {
		b.ReportMetric(float64(best[i].Microseconds())/benchFiles, "us/file-"+name)
	}
	b.ReportMetric(float64(best[0])/float64(best[1]), "fetch/bare")
	b.ReportMetric(float64(best[0])/float64(best[2]), "fetch/bare+sha256")
}

var buffers = sync.Pool{New: func() any { b := make([]byte, 32<<10); return &b }}

// pour copies through a buffer that is used again, the same for all ways.
func pour(to io.Writer, from io.Reader) (int64, error) {
	buf := buffers.Get().(*[]byte)
	defer buffers.Put(buf)
	return io.CopyBuffer(struct{ io.Writer }{to}, struct{ io.Reader }{from}, *buf)
}

func bareLoop(url string, files []layout.File, hashed bool) func() error {
	t := &http.Transport{MaxIdleConnsPerHost: benchWorkers, DisableCompression: true, DialContext: (&net.Dialer{}).DialContext}
	client := &http.Client{Transport: t}
	one := func(f layout.File) error {
		resp, err := client.Get(url + "/repo" + layout.URLPath(f.Path))
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		to := io.Discard
		sum := sha256.New()
		if hashed {
			to = sum
		}
		if n, err := pour(to, resp.Body); err != nil || n != f.Size {
			return fmt.Errorf("%d bytes: %w", n, err)
		}
		if hashed && layout.Digest(sum.Sum(nil)) != f.SHA256 {
			return fmt.Errorf("%s is wrong", f.Path)
		}
		return nil
	}
	return func() error {
		feed := make(chan layout.File)
		errs := make(chan error, benchWorkers)
		var wait sync.WaitGroup
		for range benchWorkers {
			wait.Go(func() {
				for f := range feed {
					if err := one(f); err != nil {
						errs <- err
						return
					}
				}
			})
		}
		for _, f := range files {
			select {
			case feed <- f:
			case err := <-errs:
				return err
			}
		}
		close(feed)
		wait.Wait()
		return nil
	}
}
