package publish_test

import (
	"errors"
	"io"
	"testing"

	"datestone/layout"
	"datestone/publish"
	"datestone/publish/storetest"
)

// A store that keeps no versions says so; what stands can be opened all the
// same, and a failure that is temporary is tried again.
func TestPastOfABucket(t *testing.T) {
	t.Parallel()
	store := &storetest.Memory{}
	b, err := publish.New(publish.Config{Store: store, Pause: 1})
	if err != nil {
		t.Fatal(err)
	}
	o := layout.Object{Key: "a", Size: 3, SHA256: layout.DigestOf([]byte("one"))}
	if _, err := store.Put(t.Context(), publish.Bytes(o, []byte("one"))); err != nil {
		t.Fatal(err)
	}
	store.FailAt(store.Calls()+1, storetest.TemporaryFailed)
	body, info, err := b.Open(t.Context(), "a")
	if err != nil || info.Size != 3 {
		t.Fatalf("Open = %+v, %v", info, err)
	}
	defer body.Close()
	if got, err := io.ReadAll(body); string(got) != "one" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	_, foldersErr := b.Folders(t.Context(), "")
	_, historyErr := b.History(t.Context(), "a")
	_, openErr := b.OpenVersion(t.Context(), "a", "1")
	for what, err := range map[string]error{"Folders": foldersErr, "History": historyErr, "OpenVersion": openErr} {
		if !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("%s: %v, want ErrUnsupported", what, err)
		}
	}
}

// That an empty repository is filled in is kept until it is no longer so.
func TestFilling(t *testing.T) {
	t.Parallel()
	b, err := publish.New(publish.Config{Store: &storetest.Memory{}})
	if err != nil {
		t.Fatal(err)
	}
	l := b.Log("r", "base/r")
	for _, is := range []bool{false, true, true, false, false} {
		if err := l.SetFilling(t.Context(), is); err != nil {
			t.Fatal(err)
		}
		if got, err := l.Filling(t.Context()); got != is || err != nil {
			t.Errorf("Filling = %t, %v; want %t", got, err, is)
		}
	}
	if got, err := b.Log("other", "base/other").Filling(t.Context()); got || err != nil {
		t.Errorf("of another repository: %t, %v", got, err)
	}
}
