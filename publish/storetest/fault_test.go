package storetest_test

import (
	"errors"
	"testing"

	"datestone/layout"
	"datestone/publish"
	"datestone/publish/storetest"
)

func TestMemory_FailAt(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		fault       storetest.Fault
		done        bool
		want, wantN error
	}{
		{storetest.Failed, false, storetest.ErrFault, nil},
		{storetest.DoneButFailed, true, storetest.ErrFault, nil},
		{storetest.TemporaryFailed, false, publish.ErrTemporary, nil},
		{storetest.TemporaryDoneButFailed, true, publish.ErrTemporary, nil},
		{storetest.KilledBefore, false, storetest.ErrKilled, storetest.ErrKilled},
		{storetest.KilledAfter, true, storetest.ErrKilled, storetest.ErrKilled},
		{storetest.PowerLost, false, storetest.ErrKilled, storetest.ErrKilled},
	} {
		t.Run(row.fault.String(), func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			s.put(layout.Listing, "a", "one")
			s.sync()
			s.m.FailAt(s.m.Calls()+1, row.fault)
			if err := s.try(layout.Listing, "a", "two"); !errors.Is(err, row.want) {
				t.Errorf("the call that fails = %v, want %q", err, row.want)
			}
			if err := s.try(layout.Listing, "next", "x"); !errors.Is(err, row.wantN) {
				t.Errorf("the call after it = %v, want %v", err, row.wantN)
			}
			if o, _ := s.m.Look("a"); (o.Body == "two") != row.done {
				t.Errorf("a = %q, want the call done: %v", o.Body, row.done)
			}
			s.m.Restart()
			s.put(layout.Listing, "a", "three")
		})
	}
	if n := len(storetest.Faults()); n != 7 {
		t.Errorf("%d faults, the table has 7", n)
	}
}

func TestMemory_everyCallCanFail(t *testing.T) {
	t.Parallel()
	m := &storetest.Memory{}
	ctx := t.Context()
	calls := []func() error{
		func() error { _, err := m.Put(ctx, publish.Bytes(layout.Object{Key: "a"}, nil)); return err },
		func() error { _, err := m.Stat(ctx, "a"); return err },
		func() error { _, _, err := m.Get(ctx, "a", 0, -1); return err },
		func() error {
			for _, err := range m.List(ctx, "") {
				if err != nil {
					return err
				}
			}
			return nil
		},
		func() error { return m.Link(ctx, "a", layout.Object{Key: "b", SHA256: layout.DigestOf(nil)}) },
		func() error { return m.Sync(ctx) },
		func() error { _, err := m.Now(ctx); return err },
		func() error { return m.Delete(ctx, "a") },
	}
	for i, call := range calls {
		m.FailAt(2*i+1, storetest.Failed)
		if err := call(); !errors.Is(err, storetest.ErrFault) {
			t.Errorf("call %d = %v, want the fault", i, err)
		}
		if err := call(); err != nil {
			t.Errorf("call %d again = %v", i, err)
		}
	}
	if n := m.Calls(); n != 2*len(calls) {
		t.Errorf("%d calls, want %d", n, 2*len(calls))
	}
}

func TestMemory_deleteEndsBetweenTwoKeys(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.put(layout.Content, "a", "x")
	s.put(layout.Content, "b", "x")
	s.m.FailAt(s.m.Calls()+2, storetest.KilledBefore)
	if err := s.m.Delete(t.Context(), "a", "b"); !errors.Is(err, storetest.ErrKilled) {
		t.Errorf("Delete = %v, want %q", err, storetest.ErrKilled)
	}
	_, a := s.m.Look("a")
	_, b := s.m.Look("b")
	if a || !b {
		t.Errorf("a stands: %v, b stands: %v, want b only", a, b)
	}
}

func TestMemory_SlowDown(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.m.SlowDown(2)
	for range 2 {
		if err := s.try(layout.Content, "a", "x"); !errors.Is(err, publish.ErrSlowDown) {
			t.Errorf("Put = %v, want %q", err, publish.ErrSlowDown)
		}
	}
	s.put(layout.Content, "a", "x")
}

func TestMemory_Clone(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.put(layout.Content, "a", "x")
	clone := s.m.Clone()
	s.put(layout.Content, "b", "x")
	if all := clone.Snapshot(); len(all) != 1 || !all["a"].Same(s.m.Snapshot()["a"]) {
		t.Errorf("the clone has %v, want a alone, the same", all)
	}
	if clone.Calls() != 0 {
		t.Errorf("the clone has had %d calls, want none", clone.Calls())
	}
	s.put(layout.Listing, "page", "x")
	s.put(layout.Content, "page2", "x")
	all := s.m.Snapshot()
	if all["page"].Same(all["page2"]) || all["page"].Same(all["none"]) {
		t.Errorf("objects of other bytes or headers are the same")
	}
}
