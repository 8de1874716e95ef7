package publish

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"math"

	"github.com/klauspost/compress/zstd"
	"golang.org/x/sync/errgroup"

	"datestone/layout"
)

// A Log is the history of one repository in the bucket, the truth about it.
// Nothing leaves it; it grows by one record at a time, of which each writer
// must know the one before.
type Log struct {
	bucket     *Bucket
	repository string
	base       string
}

// Log returns the log of a repository.
func (b *Bucket) Log(repository, base string) *Log {
	return &Log{bucket: b, repository: repository, base: base}
}

// maxRecord is the limit for a record or claim, in bytes.
const maxRecord = 1 << 20

// Entry reads one entry; fs.ErrNotExist past the end.
func (l *Log) Entry(ctx context.Context, n int) (layout.Entry, error) {
	key := layout.RecordKey(l.base, n)
	body, _, err := l.bucket.Read(ctx, key, maxRecord)
	if err != nil {
		return layout.Entry{}, err
	}
	r, err := layout.DecodeRecord(body)
	if err != nil {
		return layout.Entry{}, fmt.Errorf("read %q: %w", key, err)
	}
	return layout.Entry{Record: r, SHA256: layout.DigestOf(body)}, nil
}

// After returns the entries that follow entry n, in order, to the log's end.
// When nothing follows it costs one request.
func (l *Log) After(ctx context.Context, n int) iter.Seq2[layout.Entry, error] {
	return l.entries(ctx, n, math.MaxInt, 1)
}

// entries returns the entries after n up to last or to the log's end, of which
// it reads ahead at a time, then twice as many.
func (l *Log) entries(ctx context.Context, n, last, ahead int) iter.Seq2[layout.Entry, error] {
	return func(yield func(layout.Entry, error) bool) {
		for n, ahead := n, ahead; n < last; ahead = min(2*ahead, l.bucket.jobs) {
			batch, err := l.read(ctx, n, min(ahead, last-n))
			for _, e := range batch {
				if !yield(e, nil) {
					return
				}
			}
			if err != nil {
				yield(layout.Entry{}, err)
			}
			if n += len(batch); err != nil || len(batch) < ahead {
				return
			}
		}
	}
}

// Between returns the entries after entry n up to entry last, in order. That
// one of them is missing is fs.ErrNotExist.
func (l *Log) Between(ctx context.Context, n, last int) iter.Seq2[layout.Entry, error] {
	return func(yield func(layout.Entry, error) bool) {
		n := n
		for e, err := range l.entries(ctx, n, last, l.bucket.jobs) {
			if !yield(e, err) || err != nil {
				return
			}
			n = e.Entry
		}
		if n >= last {
			return
		}
		yield(layout.Entry{}, fmt.Errorf("read %q: %w", layout.RecordKey(l.base, n+1), fs.ErrNotExist))
	}
}

// read returns the entries after n, count of them or up to the first missing.
func (l *Log) read(ctx context.Context, n, count int) ([]layout.Entry, error) {
	entries := make([]layout.Entry, count)
	found := make([]bool, count)
	g, gctx := errgroup.WithContext(ctx)
	for i := range count {
		g.Go(func() (err error) {
			entries[i], err = l.Entry(gctx, n+1+i)
			found[i] = err == nil
			if errors.Is(err, fs.ErrNotExist) {
				err = nil
			}
			return err
		})
	}
	err := g.Wait()
	for i := range count {
		if !found[i] {
			return entries[:i], err
		}
	}
	return entries, err
}

// Append adds a record at the log's end: the commit. ErrConflict says that
// another record stands there; that the very same one does is success (the
// reply to an earlier attempt was lost).
func (l *Log) Append(ctx context.Context, r layout.Record) (layout.Entry, error) {
	body, err := r.Encode()
	if err != nil {
		return layout.Entry{}, err
	}
	page := layout.NewPage(layout.LogEntry, layout.RecordKey(l.base, r.Entry), body, 0)
	p := Bytes(page.Object, body)
	p.Whole = true
	if err := l.bucket.Create(ctx, p); err != nil {
		return layout.Entry{}, fmt.Errorf("append to the log of %q: %w", l.repository, err)
	}
	return layout.Entry{Record: r, SHA256: page.SHA256}, l.bucket.Sync(ctx)
}

// Table reads the repository's table as it stands in the bucket;
// fs.ErrNotExist where there is none.
func (l *Log) Table(ctx context.Context) (layout.Table, error) {
	key := layout.TableKey(l.base)
	body, _, err := l.bucket.Read(ctx, key, maxListing)
	if err != nil {
		return layout.Table{}, err
	}
	t, err := layout.DecodeTable(body)
	if err != nil {
		return t, fmt.Errorf("read %q: %w", key, err)
	}
	if t.Repository != l.repository {
		return t, fmt.Errorf("read %q: it is of repository %q, the configuration names it %q", key, t.Repository, l.repository)
	}
	return t, nil
}

// Files reads the file list of a commit. A list that is not the one that the
// record names ends with ErrDigest.
func (l *Log) Files(ctx context.Context, list layout.FileList) iter.Seq2[layout.File, error] {
	return l.bucket.fileList(ctx, layout.FileListKey(l.base, list.SHA256), list.SHA256)
}

// fileList reads a compressed file list from the store as a stream; want is
// the digest of its text.
func (b *Bucket) fileList(ctx context.Context, key string, want layout.Digest) iter.Seq2[layout.File, error] {
	return func(yield func(layout.File, error) bool) {
		var body io.ReadCloser
		err := b.try(ctx, "get", func() (err error) {
			body, _, err = b.store.Get(ctx, key, 0, -1)
			return err
		})
		if err != nil {
			yield(layout.File{}, err)
			return
		}
		defer body.Close()
		unpackFileList(body, key, want)(yield)
	}
}

// unpackFileList reads what a list at key has been compressed to.
func unpackFileList(body io.Reader, key string, want layout.Digest) iter.Seq2[layout.File, error] {
	return func(yield func(layout.File, error) bool) {
		plain, err := zstd.NewReader(body, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(8<<20))
		if err != nil {
			yield(layout.File{}, fmt.Errorf("read %q: %w", key, err))
			return
		}
		defer plain.Close()
		sum := sha256.New()
		for f, err := range layout.ReadFileList(io.TeeReader(plain, sum)) {
			if err != nil {
				err = fmt.Errorf("read %q: %w", key, err)
			}
			if !yield(f, err) || err != nil {
				return
			}
		}
		if got := layout.Digest(sum.Sum(nil)); got != want {
			yield(layout.File{}, fmt.Errorf("read %q: its text has the SHA-256 %s: %w", key, got, ErrDigest))
		}
	}
}

// EncodeFileList returns the list of files as it stands in the bucket,
// compressed, and its name. The same files give the same bytes.
func EncodeFileList(files iter.Seq2[layout.File, error]) (layout.FileList, []byte, error) {
	var b bytes.Buffer
	w, err := zstd.NewWriter(&b, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(4<<20))
	if err != nil {
		return layout.FileList{}, nil, err
	}
	list, err := layout.WriteFileList(w, files)
	if err == nil {
		err = w.Close()
	}
	return list, b.Bytes(), err
}
