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
	s.announce(ctx, files)
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

// announce says what is going to be read, which may take long and has no bar.
func (s source) announce(ctx context.Context, files []layout.File) {
	count, bytes := 0, int64(0)
	for _, f := range files {
		if f.SHA256.IsZero() {
			count, bytes = count+1, bytes+f.Size
		}
	}
	if count > 0 {
		s.log.InfoContext(ctx, "reading content whose SHA-256 upstream does not declare", "remote", s.Remote, "files", count, "bytes", bytes)
	}
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
// A remote that is read again, because it changed, is asked only for what is new.
func (s source) hashed(ctx context.Context, f layout.File) (layout.Digest, error) {
	claim := spoolClaim{s.Remote.String(), f.Path, f.Upstream, f.Size}
	if d, ok := s.spool.known(claim); ok {
		return d, nil
	}
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
	copied := &spooled{Writer: io.Discard, at: -1} // what is on this machine can be read again
	if !s.local() {
		if copied, err = s.spool.room(f.Size); err != nil {
			return layout.Digest{}, err
		}
	}
	own, theirs := sha256.New(), sum.Hash()
	if _, err := io.Copy(io.MultiWriter(own, theirs, copied), c); err != nil {
		return layout.Digest{}, err
	}
	if got := theirs.Sum(nil); !sum.Is(got) {
		return layout.Digest{}, &checksumError{f.Path, sum, got}
	}
	digest := layout.Digest(own.Sum(nil))
	s.spool.keep(claim, digest, copied.at)
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
	at   map[spoolName]int64
	read map[spoolClaim]layout.Digest
}

// A spoolName is content.
type spoolName struct {
	digest layout.Digest
	size   int64
}

// A spoolClaim is content as a remote names it.
type spoolClaim struct {
	remote, path, upstream string
	size                   int64
}

// A spooled is the room of one content.
type spooled struct {
	io.Writer
	at int64 // -1: nowhere
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
		s.file = f
	}
	w := &spooled{io.NewOffsetWriter(s.file, s.end), s.end}
	s.end += size
	return w, nil
}

// keep remembers the digest of what a remote has, and where it stands.
func (s *spool) keep(c spoolClaim, d layout.Digest, at int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.read == nil {
		s.at, s.read = map[spoolName]int64{}, map[spoolClaim]layout.Digest{}
	}
	s.read[c] = d
	if at >= 0 {
		s.at[spoolName{d, c.size}] = at
	}
}

func (s *spool) known(c spoolClaim) (layout.Digest, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d, ok := s.read[c]
	return d, ok
}

// open returns the content of f, or nil.
func (s *spool) open(f layout.File) io.Reader {
	s.mu.Lock()
	defer s.mu.Unlock()
	at, ok := s.at[spoolName{f.SHA256, f.Size}]
	if !ok {
		return nil
	}
	return io.NewSectionReader(s.file, at, f.Size)
}
