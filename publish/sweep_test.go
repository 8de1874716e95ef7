package publish_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"datestone/layout"
	"datestone/publish/storetest"
)

func TestSweepDeletesCheckpointsAndNothingElse(t *testing.T) {
	t.Parallel()
	m := &storetest.Memory{}
	b := newBucket(t, m)
	log := b.Log("debian", base)
	want := map[string]string{}
	for n := 1; n <= 3; n++ {
		for path, body := range trio {
			key := layout.Key(base, stamp(n), path)
			must(t, b.Create(t.Context(), object(key, body)))
			if n == 2 {
				want[key] = body
			}
		}
	}
	// Names that only begin as a checkpoint's do.
	for _, key := range []string{base + "/" + string(stamp(1)) + "x/a", base + "/" + string(stamp(1)) + ".html", base + "/log/x.files.zst"} {
		must(t, b.Create(t.Context(), object(key, "stays")))
		want[key] = "stays"
	}
	objects, bytes, err := log.Sweep(t.Context(), []layout.Stamp{stamp(1), stamp(3)})
	if err != nil || objects != 6 || bytes != 2*int64(len("onetwothree")) {
		t.Errorf("got %d objects, %d bytes, %v", objects, bytes, err)
	}
	if d := cmp.Diff(want, bodies(m)); d != "" {
		t.Error(d)
	}
	if objects, _, err = log.Sweep(t.Context(), []layout.Stamp{stamp(1), stamp(3)}); err != nil || objects != 0 {
		t.Errorf("once more: got %d objects, %v; want none", objects, err)
	}
}

func TestSweptComesBack(t *testing.T) {
	t.Parallel()
	m := &storetest.Memory{}
	log := newBucket(t, m).Log("debian", base)
	got, err := log.Swept(t.Context())
	if d := cmp.Diff(layout.Swept{}, got); d != "" || err != nil {
		t.Errorf("never written: %v %s", err, d)
	}
	must(t, log.SetSwept(t.Context(), layout.Swept{Entry: 3, Removed: 2, Told: 7, ToldAt: stamp(1)}))
	stale, err := log.Swept(t.Context())
	must(t, err)
	want := layout.Swept{Version: 1, Changes: 1, Entry: 3, Removed: 2, Told: 7, ToldAt: stamp(1)}
	if d := cmp.Diff(want, stale); d != "" {
		t.Error(d)
	}
	next := layout.Swept{Changes: stale.Changes, Entry: 7, Removed: 9}
	must(t, log.SetSwept(t.Context(), next))
	must(t, log.SetSwept(t.Context(), layout.Swept{Entry: 4})) // of a run that was paused
	got, err = log.Swept(t.Context())
	next.Version, next.Changes = 1, 2
	if d := cmp.Diff(next, got); d != "" || err != nil {
		t.Errorf("%v %s", err, d)
	}
	o, _ := m.Look(".datestone/swept/debian.json")
	if strings.Contains(o.Body, "told") || o.Header.CacheControl != "private, no-store" {
		t.Errorf("it stands as %s %q", o.Header.CacheControl, o.Body)
	}
	putWrong(t, m, ".datestone/swept/debian.json", `{"version":2}`)
	if _, err := log.Swept(t.Context()); err == nil || !strings.Contains(err.Error(), "version 2") {
		t.Errorf("one of another version: %v", err)
	}
}
