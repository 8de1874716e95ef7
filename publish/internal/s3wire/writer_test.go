package s3wire_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"strings"
	"testing"

	"datestone/layout"
	"datestone/publish"
	"datestone/publish/internal/s3wire"
)

// sdk is one that fails as it is told, and notes what it was asked for.
type sdk struct {
	stands  publish.Info // at every key, unless statErr says otherwise
	statErr error
	fail    error // of all that writes
	quotes  error // of what writes under a condition with quotes
	asked   []string
}

func (s *sdk) ask(call, key string, args ...any) error {
	s.asked = append(s.asked, strings.TrimSpace(fmt.Sprintln(append([]any{call, key}, args...)...)))
	return s.fail
}

func (s *sdk) Stat(context.Context, string) (publish.Info, error) { return s.stands, s.statErr }

func (s *sdk) PutWhole(_ context.Context, p publish.Put, body *s3wire.Body) (string, layout.Digest, error) {
	if _, err := io.Copy(io.Discard, body); err != nil {
		return "", layout.Digest{}, err
	}
	if strings.HasPrefix(p.IfMatch, `"`) && s.quotes != nil {
		return "", layout.Digest{}, errors.Join(s.ask("refuse", p.Key), s.quotes)
	}
	return "v", p.SHA256, s.ask("put", p.Key)
}

func (s *sdk) CopyWhole(_ context.Context, from string, to layout.Object) error {
	return s.ask("copy", from, "to", to.Key)
}

func (s *sdk) BeginPut(_ context.Context, p publish.Put, parts int) (s3wire.PartPutter, error) {
	return &copier{}, s.ask("put", p.Key, "in", parts)
}

func (s *sdk) BeginCopy(_ context.Context, from string, to layout.Object, parts int) (s3wire.PartCopier, error) {
	return &copier{}, s.ask("copy", from, "to", to.Key, "in", parts)
}

func TestWriter_choosesParts(t *testing.T) {
	t.Parallel()
	const above = 10
	for size, want := range map[int]string{
		above:     "put a; copy a to b",
		above + 1: "put a in 1; copy a to b in 2",
	} {
		s := &sdk{statErr: fs.ErrNotExist}
		w := s3wire.NewWriter(s, place(), s3wire.Sizes{MultipartAbove: above, CopyAbove: above})
		body, _ := content(size)
		p := publish.Bytes(layout.Object{Key: "a", Size: int64(size), SHA256: layout.DigestOf(body)}, body)
		p.Create = true
		info, err := w.Put(t.Context(), p)
		if err != nil || info.Version != "v" {
			t.Errorf("Put of %d bytes = %+v, %v", size, info, err)
		}
		if err := w.Link(t.Context(), "a", layout.Object{Key: "b", Size: int64(size)}); err != nil {
			t.Errorf("Link of %d bytes = %v", size, err)
		}
		if got := strings.Join(s.asked, "; "); got != want {
			t.Errorf("%d bytes: asked for %q, want %q", size, got, want)
		}
	}
}

func TestWriter_conflicts(t *testing.T) {
	t.Parallel()
	stands := publish.Info{Version: `"stands"`}
	cut := fmt.Errorf("cut off: %w", publish.ErrTemporary)
	for _, row := range []struct {
		name    string
		sdk     sdk
		create  bool
		ifMatch string
		want    error
	}{
		{"a created object stands by now", sdk{stands: stands, fail: cut}, true, "", publish.ErrConflict},
		{"what was to be created is still missing", sdk{statErr: fs.ErrNotExist, fail: cut}, true, "", publish.ErrTemporary},
		{"another version stands", sdk{stands: stands, fail: cut}, false, `"other"`, publish.ErrConflict},
		{"the same version stands", sdk{stands: stands, fail: cut}, false, `"stands"`, publish.ErrTemporary},
		{"what was to be replaced is gone", sdk{statErr: fs.ErrNotExist, fail: cut}, false, `"stands"`, publish.ErrConflict},
		{"nobody knows what stands", sdk{statErr: cut, fail: cut}, false, `"stands"`, publish.ErrTemporary},
		{"nothing stands to be replaced", sdk{fail: fs.ErrNotExist}, false, `"stands"`, publish.ErrConflict},
		{"no condition", sdk{stands: stands, fail: cut}, false, "", publish.ErrTemporary},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := &row.sdk
			w := s3wire.NewWriter(s, place(), s3wire.Sizes{})
			p := publish.Bytes(layout.Object{Key: "a", Size: 1}, []byte("x"))
			p.Create, p.IfMatch = row.create, row.ifMatch
			_, err := w.Put(t.Context(), p)
			wantKind(t, err, row.want)
			if err == nil || !strings.Contains(err.Error(), `put "a"`) {
				t.Errorf("Put = %v, want the operation and the key", err)
			}
		})
	}
	t.Run("no part goes up to where something stands", func(t *testing.T) {
		t.Parallel()
		s := &sdk{stands: stands}
		p := publish.Bytes(layout.Object{Key: "a", Size: 2}, []byte("xy"))
		p.Create = true
		_, err := s3wire.NewWriter(s, place(), s3wire.Sizes{MultipartAbove: 1}).Put(t.Context(), p)
		wantKind(t, err, publish.ErrConflict)
		if len(s.asked) != 0 {
			t.Errorf("asked for %q all the same", s.asked)
		}
	})
}

// TestWriter_quotes wants a server that knows a tag only without its quotes to
// be asked without, from then on, and no other.
func TestWriter_quotes(t *testing.T) {
	t.Parallel()
	refused := fmt.Errorf("refused: %w", publish.ErrConflict)
	put := func(w *s3wire.Writer, version string) error {
		p := publish.Bytes(layout.Object{Key: "a", Size: 1}, []byte("x"))
		p.IfMatch = version
		_, err := w.Put(t.Context(), p)
		return err
	}
	s := &sdk{stands: publish.Info{Version: `"stands"`}, quotes: refused}
	w := s3wire.NewWriter(s, place(), s3wire.Sizes{})
	wantKind(t, put(w, `"other"`), publish.ErrConflict)
	for range 2 {
		if err := put(w, `"stands"`); err != nil {
			t.Errorf("Put = %v", err)
		}
	}
	if got, want := strings.Join(s.asked, "; "), "refuse a; refuse a; put a; put a"; got != want {
		t.Errorf("asked for %q, want %q", got, want)
	}
	s.fail = refused
	wantKind(t, put(w, `"stands"`), publish.ErrConflict)
}

func TestNothing(t *testing.T) {
	t.Parallel()
	body, info, err := s3wire.Nothing(publish.Info{Key: "a", Size: 5, SHA256: layout.DigestOf(nil)}, nil)
	if err != nil || body != http.NoBody || info != (publish.Info{Key: "a", Size: 5}) {
		t.Errorf("Nothing = %v, %+v, %v, want no bytes, and no digest", body, info, err)
	}
	if body, info, err := s3wire.Nothing(publish.Info{Key: "a"}, errSource); body != nil || info != (publish.Info{}) || !errors.Is(err, errSource) {
		t.Errorf("Nothing = %v, %+v, %v, want only the error", body, info, err)
	}
}
