package publish_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"datestone/layout"
	"datestone/publish"
	"datestone/publish/storetest"
)

// A hugeStore has a checkpoint of n files, of which it knows no more than how
// they are named.
type hugeStore struct {
	*storetest.Memory
	plan layout.Plan
}

const hugeID layout.Stamp = "20250318T140338Z"

// hugeFiles are n files in directories of a thousand, sorted.
func hugeFiles(n int) iter.Seq2[layout.File, error] {
	return func(yield func(layout.File, error) bool) {
		for i := range n {
			path := fmt.Sprintf("pool/%05d/package-%03d_1.2.3-4+deb12u1_amd64.deb", i/1000, i%1000)
			if !yield(layout.File{Path: path, Size: int64(i), SHA256: layout.DigestOf([]byte(path)), FirstSeen: hugeID}, nil) {
				return
			}
		}
	}
}

func newHugeStore(t testing.TB, n int) hugeStore {
	t.Helper()
	s := hugeStore{&storetest.Memory{}, layout.Plan{Base: "b", PublicPath: "/", ID: hugeID, Files: hugeFiles(n)}}
	list, body, err := publish.EncodeFileList(s.plan.Files)
	if err != nil {
		t.Fatal(err)
	}
	record, err := layout.NewClaim("huge", "b", hugeID, list, layout.Remote{Type: "file"}).Record(layout.Head{}, hugeID).Encode()
	if err != nil {
		t.Fatal(err)
	}
	for key, b := range map[string][]byte{layout.RecordKey("b", 1): record, layout.FileListKey("b", list.SHA256): body} {
		s.Plant(key, &storetest.Object{Body: string(b), Header: layout.HeaderFor(layout.LogEntry, key)})
	}
	return s
}

func (s hugeStore) List(ctx context.Context, prefix string) iter.Seq2[publish.Info, error] {
	if prefix != "b/" {
		return s.Memory.List(ctx, prefix)
	}
	return func(yield func(publish.Info, error) bool) {
		for p, err := range s.plan.Places() {
			info := publish.Info{Key: p.Key}
			if p.File != nil {
				info.Size = p.File.Size
			}
			if !yield(info, err) {
				return
			}
		}
	}
}

func (s hugeStore) Stat(ctx context.Context, key string) (publish.Info, error) {
	path, ours := strings.CutPrefix(key, layout.CheckpointPrefix("b", hugeID))
	if !ours || strings.HasSuffix(path, "index.html") {
		return s.Memory.Stat(ctx, key)
	}
	dir, _ := strconv.Atoi(path[len("pool/"):][:5])
	file, _ := strconv.Atoi(path[len("pool/00000/package-"):][:3])
	return publish.Info{Key: key, Size: int64(dir*1000 + file), SHA256: layout.DigestOf([]byte(path)), Header: layout.HeaderFor(layout.Content, key)}, nil
}

// TestVerifyNeedsLittleMemory looks at a checkpoint of 200,000 files, or as many
// as DATESTONE_TEST_FILES says: what is held is its list, as it stands in the bucket.
func TestVerifyNeedsLittleMemory(t *testing.T) {
	n := 200_000
	if s := os.Getenv("DATESTONE_TEST_FILES"); s != "" {
		n, _ = strconv.Atoi(s)
	}
	b, err := publish.New(publish.Config{Store: newHugeStore(t, n)})
	if err != nil {
		t.Fatal(err)
	}
	log, settings := b.Log("huge", "b"), layout.Settings{Repository: "huge", BasePath: "b", PublicPath: "/"}
	found := func(f publish.Finding) error { return fmt.Errorf("found %v", f) }
	h, err := log.ReadHistory(t.Context(), settings, 0, found)
	if err != nil {
		t.Fatal(err)
	}
	before, most, passed := heap(), uint64(0), 0
	done, err := log.Verify(t.Context(), publish.Verification{History: h, Settings: settings, PublicURL: "https://snapshots.example.org/",
		Found: func(_ context.Context, f publish.Finding) error { return found(f) },
		Passed: func(int64) {
			if passed++; passed%(n/20) == 0 {
				most = max(most, heap())
			}
		}})
	if err != nil || done.Objects != n+n/1000+2 || done.Checkpoints != 1 {
		t.Fatalf("%+v, %v; want %d files and their pages", done, err, n)
	}
	t.Logf("%d files: %d kB held, %d kB before", n, (most-before)>>10, before>>10)
	if perFile := float64(most-before) / float64(n); perFile > 100 {
		t.Errorf("%.0f bytes held a file", perFile)
	}
}

// heap returns how many bytes are held.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestVerifyInterrupted wants an interrupted walk to end with why, and to say
// where it was, wherever it is interrupted; and every failure of the store told.
func TestVerifyInterrupted(t *testing.T) {
	t.Parallel()
	s := newHugeStore(t, 3000)
	b, err := publish.New(publish.Config{Store: s, Attempts: 1})
	if err != nil {
		t.Fatal(err)
	}
	log, settings := b.Log("huge", "b"), layout.Settings{Repository: "huge", BasePath: "b", PublicPath: "/"}
	verify := func(ctx context.Context, passed func(int64)) (publish.Verified, error) {
		h, err := log.ReadHistory(ctx, settings, 0, func(publish.Finding) error { return nil })
		if err != nil {
			return publish.Verified{}, err
		}
		return log.Verify(ctx, publish.Verification{History: h, Settings: settings, PublicURL: "https://snapshots.example.org/",
			Found: func(context.Context, publish.Finding) error { return nil }, Passed: passed})
	}
	why := errors.New("a signal")
	for range 20 {
		ctx, cancel := context.WithCancelCause(t.Context())
		after, passed := rand.IntN(2900), 0
		done, err := verify(ctx, func(int64) {
			if passed++; passed == after {
				cancel(why)
			}
		})
		if !errors.Is(err, why) || done.At != hugeID || done.Objects < after-1 {
			t.Errorf("interrupted after %d: %+v, %v", after, done, err)
		}
	}
	s.Restart()
	if _, err := verify(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	for n := 1; n <= s.Calls(); n++ {
		s := newHugeStore(t, 10)
		s.FailAt(n, storetest.Failed)
		b, err := publish.New(publish.Config{Store: s, Attempts: 1, Pause: time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		log = b.Log("huge", "b")
		if _, err := verify(t.Context(), nil); s.Calls() >= n && !errors.Is(err, storetest.ErrFault) {
			t.Errorf("call %d failed: got %v", n, err)
		}
	}
}

// TestHistoryOfAnything wants a log that was tampered with at random read to its
// end, without an error, and something said of it.
func TestHistoryOfAnything(t *testing.T) {
	t.Parallel()
	settings := layout.Settings{Repository: "r", BasePath: "b", PublicPath: "/"}
	var records [][]byte
	table := layout.NewTable(settings)
	for i := range 8 {
		id := layout.StampOf(hugeID.Time().Add(time.Duration(i) * time.Hour))
		r := layout.NewRecord(layout.Seen, table.Log, "r", "b", id, id)
		r.Remote = &layout.Remote{Type: "file"}
		body, err := r.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if err := table.Apply(settings, layout.Entry{Record: r, SHA256: layout.DigestOf(body)}); err != nil {
			t.Fatal(err)
		}
		records = append(records, body)
	}
	for range 300 {
		var m storetest.Memory
		at, other := 1+rand.IntN(7), 1+rand.IntN(7)
		for n, body := range records {
			m.Plant(layout.RecordKey("b", n+1), &storetest.Object{Body: string(body)})
		}
		key := layout.RecordKey("b", at)
		switch rand.IntN(4) {
		case 0:
			m.Plant(key, nil)
		case 1:
			m.Plant(key, &storetest.Object{Body: string(records[other-1])})
			if at == other {
				continue
			}
		case 2:
			b := bytes.Clone(records[at-1])
			b[rand.IntN(len(b))] ^= 1
			m.Plant(key, &storetest.Object{Body: string(b)})
		case 3:
			m.Plant(key, &storetest.Object{Body: strings.Repeat("x", 1<<20+1)})
		}
		b, err := publish.New(publish.Config{Store: &m})
		if err != nil {
			t.Fatal(err)
		}
		var found []publish.Finding
		h, err := b.Log("r", "b").ReadHistory(t.Context(), settings, 8, func(f publish.Finding) error {
			found = append(found, f)
			return nil
		})
		if err != nil || len(found) == 0 || h.Whole || h.Table.Log.Entries != 8 || h.Table.Log.SHA256 != table.Log.SHA256 {
			t.Fatalf("record %d: found %v, whole %t, head %+v, %v", at, found, h.Whole, h.Table.Log, err)
		}
	}
}
