package reposync

import (
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"

	"datestone/layout"
	"datestone/sync/rpmmd"
)

// digest finds out the SHA-256 of those files of which upstream declares
// another digest: from what was known before, or from the content, which is
// kept until it is fetched. The files are sorted.
func (s source) digest(ctx context.Context, files []layout.File) error {
	if err := s.remember(files); err != nil {
		return err
	}
	unknown := func(yield func(layout.File, error) bool) {
		for _, f := range files {
			if f.SHA256.IsZero() && !yield(f, nil) {
				return
			}
		}
	}
	// Each element is written by the one goroutine that has its file; what the
	// others read of it, to find theirs, is the path.
	digests := make([]layout.Digest, len(files))
	err := fetch(ctx, cmp.Or(s.Parallel, defaultParallel), unknown, func(ctx context.Context, f layout.File) error {
		at, _ := find(files, f.Path)
		var err error
		digests[at], err = s.hashed(ctx, f)
		return err
	})
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	for i, d := range digests {
		if !d.IsZero() {
			files[i].SHA256 = d
		}
	}
	return err
}

// remember gives files the digest of a file known before that has the same
// path, size, and digest of upstream.
func (s source) remember(files []layout.File) error {
	known := func(f layout.File) bool { return !f.SHA256.IsZero() }
	if s.before == nil || !slices.ContainsFunc(files, func(f layout.File) bool { return !known(f) }) {
		return nil
	}
	for old, err := range s.before {
		if err != nil {
			return err
		}
		if old.Upstream == "" {
			continue
		}
		if at, ok := find(files, old.Path); ok && !known(files[at]) && files[at].Size == old.Size && files[at].Upstream == old.Upstream {
			files[at].SHA256 = old.SHA256
		}
	}
	return nil
}

// hashed reads content, holds it against upstream's digest, and returns its own.
func (s source) hashed(ctx context.Context, f layout.File) (layout.Digest, error) {
	kind, digits, _ := strings.Cut(f.Upstream, ":")
	sum, err := rpmmd.ParseChecksum(kind, digits)
	if err != nil {
		return layout.Digest{}, fmt.Errorf("file %q: %w", f.Path, err)
	}
	c, err := s.origin.open(ctx, f)
	if err != nil {
		return layout.Digest{}, err
	}
	defer c.Close()
	copied, err := s.spool.room(f.Size)
	if err != nil {
		return layout.Digest{}, err
	}
	own, theirs := sha256.New(), sum.Hash()
	if _, err := io.Copy(io.MultiWriter(own, theirs, copied), c); err != nil {
		return layout.Digest{}, err
	}
	if got := theirs.Sum(nil); !sum.Is(got) {
		return layout.Digest{}, &checksumError{f.Path, sum, got}
	}
	digest := layout.Digest(own.Sum(nil))
	s.spool.keep(digest, copied)
	return digest, nil
}

// open prefers what is at hand already.
func (s source) open(ctx context.Context, f layout.File) (*content, error) {
	if r := s.spool.open(f); r != nil {
		return &content{ctx: ctx, file: f, body: io.NopCloser(r), resume: noResume}, nil
	}
	return s.origin.open(ctx, f)
}

// A spool keeps content between the time when it was read to know its SHA-256
// and the time when its place is known: in one temporary file that has no name,
// so that nothing is left of it however the program ends.
type spool struct {
	mu   sync.Mutex
	file *os.File
	end  int64
	at   map[layout.Digest]int64
}

// A spooled is the room of one content.
type spooled struct {
	*io.OffsetWriter
	at int64
}

// room returns a writer for that many bytes.
func (s *spool) room(size int64) (*spooled, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file == nil {
		f, err := os.CreateTemp("", "datestone-*")
		if err != nil {
			return nil, err
		}
		// Where an open file can't be removed it stays until temporary files are
		// cleaned away.
		_ = os.Remove(f.Name())
		s.file, s.at = f, map[layout.Digest]int64{}
	}
	w := &spooled{io.NewOffsetWriter(s.file, s.end), s.end}
	s.end += size
	return w, nil
}

func (s *spool) keep(d layout.Digest, w *spooled) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.at[d] = w.at
}

// open returns the content of f, or nil.
func (s *spool) open(f layout.File) io.Reader {
	s.mu.Lock()
	defer s.mu.Unlock()
	at, ok := s.at[f.SHA256]
	if !ok {
		return nil
	}
	return io.NewSectionReader(s.file, at, f.Size)
}
