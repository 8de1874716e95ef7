package dirstore_test

import (
	"fmt"
	"testing"

	"golang.org/x/sync/errgroup"

	"datestone/layout"
	"datestone/publish"
)

// BenchmarkLink links a checkpoint of 10,000 files in 500 directories; beside
// it stands what cp -al takes.
func BenchmarkLink(b *testing.B) {
	const files, dirs = 10_000, 500
	s := open(b, b.TempDir())
	path := func(checkpoint, i int) string {
		return fmt.Sprintf("debian/%d/pool/main/%d/%d.deb", checkpoint, i/(files/dirs), i) // in order, as a plan is
	}
	body := []byte("x")
	each(b, files, func(i int) error {
		_, err := s.Put(b.Context(), publish.Bytes(layout.Object{Key: path(0, i), Size: 1}, body))
		return err
	})
	n := 0
	for b.Loop() {
		n++
		each(b, files, func(i int) error {
			return s.Link(b.Context(), path(0, i), layout.Object{Key: path(n, i), Size: 1})
		})
	}
}

// BenchmarkPut creates 1,000 files of 24 KiB in 50 directories.
func BenchmarkPut(b *testing.B) {
	const files, dirs = 1_000, 50
	s := open(b, b.TempDir())
	body := make([]byte, 24<<10)
	sum := layout.DigestOf(body)
	n := 0
	for b.Loop() {
		n++
		each(b, files, func(i int) error {
			key := fmt.Sprintf("debian/%d/pool/main/%d/%d.deb", n, i/(files/dirs), i)
			p := publish.Bytes(layout.Object{Key: key, Size: int64(len(body)), SHA256: sum}, body)
			p.Create = true
			_, err := s.Put(b.Context(), p)
			return err
		})
	}
}

func each(b *testing.B, n int, f func(i int) error) {
	b.Helper()
	var g errgroup.Group
	g.SetLimit(8)
	for i := range n {
		g.Go(func() error { return f(i) })
	}
	if err := g.Wait(); err != nil {
		b.Fatal(err)
	}
}
