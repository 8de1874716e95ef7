package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"datestone/publish"
)

var conditionPromises = []promise{
	{"create succeeds once and leaves what stands", func(t *tester) {
		p := putOf("log/1.json", "first")
		p.Create = true
		t.mustPut(p)
		for _, body := range []string{"other", "first", ""} {
			p := putOf("log/1.json", body)
			p.Create = true
			t.refuse(p, publish.ErrConflict)
		}
		t.wantBody("log/1.json", "first")
	}},
	{"of many creators one wins", func(t *tester) {
		for round := range 5 {
			t.race(fmt.Sprintf("log/%d.json", round), func(p *publish.Put) { p.Create = true })
		}
	}},
	{"if-match with the version that stands replaces", func(t *tester) {
		p := putOf("table", "two")
		p.IfMatch = t.put("table", "one").Version
		next := t.mustPut(p)
		t.wantBody("table", "two")
		p = putOf("table", "three")
		p.IfMatch = next.Version
		t.mustPut(p)
		t.wantBody("table", "three")
	}},
	{"if-match with another version is a conflict", func(t *tester) {
		old := t.put("table", "one").Version
		t.put("table", "two")
		for _, version := range []string{old, `"0123456789abcdef0123456789abcdef"`} {
			p := putOf("table", "three")
			p.IfMatch = version
			t.refuse(p, publish.ErrConflict)
		}
		t.wantBody("table", "two")
	}},
	{"if-match where nothing stands is a conflict", func(t *tester) {
		p := putOf("table", "one")
		p.IfMatch = t.put("elsewhere", "one").Version
		t.refuse(p, publish.ErrConflict)
		t.wantMissing("table")
	}},
	{"of many replacers one wins", func(t *tester) {
		for round := range 5 {
			key := fmt.Sprintf("table%d", round)
			version := t.put(key, "before").Version
			t.race(key, func(p *publish.Put) { p.IfMatch = version })
		}
	}},
}

// race lets 16 writers put different bodies at one key under one condition,
// and wants one to win and the others to be told so.
func (t *tester) race(key string, condition func(*publish.Put)) {
	t.Helper()
	const writers = 16
	var (
		start   = make(chan struct{})
		results [writers]error
		all     sync.WaitGroup
	)
	for i := range writers {
		p := putOf(key, fmt.Sprint("by writer ", i))
		condition(&p)
		all.Go(func() {
			<-start
			_, results[i] = t.store.Put(t.ctx, p)
		})
	}
	close(start)
	all.Wait()
	won := -1
	for i, err := range results {
		switch {
		case err == nil && won < 0:
			won = i
		case err == nil:
			t.Errorf("%q: writers %d and %d have both won", key, won, i)
		case !errors.Is(err, publish.ErrConflict):
			t.Errorf("%q: writer %d: %v, want publish.ErrConflict", key, i, err)
		}
	}
	if won < 0 {
		t.Fatalf("%q: nobody has won", key)
	}
	t.wantBody(key, fmt.Sprint("by writer ", won))
}

// errCause is why the tests end their contexts.
var errCause = errors.New("the test has ended this context")

// soon is how long a store may take to notice that its context has ended.
const soon = 10 * time.Second

var cancelPromises = []promise{
	{"nothing is done for a context that has ended", func(t *tester) {
		t.put("stands", "x")
		ctx, cancel := context.WithCancelCause(t.ctx)
		cancel(errCause)
		for name, call := range t.calls(ctx) {
			if err := call(); !errors.Is(err, errCause) {
				t.Errorf("%s = %v, want an error that is %q", name, err, errCause)
			}
		}
		t.wantBody("stands", "x")
		t.wantList("", "stands")
	}},
	{"a put ends soon after its context and writes nothing", func(t *tester) {
		t.wantCancelled("new", nil)
		t.wantMissing("new")
		t.wantCancelled("created", func(p *publish.Put) { p.Create = true })
		t.wantMissing("created")
		t.put("old", "x")
		t.wantCancelled("old", nil)
		t.wantBody("old", "x")
		t.wantList("", "old")
	}},
}

// calls are all methods, on keys where they would succeed.
func (t *tester) calls(ctx context.Context) map[string]func() error {
	return map[string]func() error{
		"Get": func() error {
			r, _, err := t.store.Get(ctx, "stands", 0, -1)
			if err == nil {
				r.Close()
			}
			return err
		},
		"Stat": func() error { _, err := t.store.Stat(ctx, "stands"); return err },
		"Put":  func() error { _, err := t.store.Put(ctx, putOf("put", "x")); return err },
		"List": func() error {
			for _, err := range t.store.List(ctx, "") {
				if err != nil {
					return err
				}
			}
			return nil
		},
		"Link":   func() error { return t.linker().Link(ctx, "stands", object("link", "x")) },
		"Delete": func() error { return t.deleter().Delete(ctx, "stands") },
	}
}

// wantCancelled ends the context of a put whose body has begun to come in.
func (t *tester) wantCancelled(key string, condition func(*publish.Put)) {
	t.Helper()
	ctx, cancel := context.WithCancelCause(t.ctx)
	defer cancel(nil)
	var ended time.Time
	var once sync.Once
	p := slowPut(key, func() {
		once.Do(func() {
			time.AfterFunc(100*time.Millisecond, func() {
				ended = time.Now()
				cancel(errCause)
			})
		})
	})
	if condition != nil {
		condition(&p)
	}
	_, err := t.store.Put(ctx, p)
	if !errors.Is(err, errCause) {
		t.Fatalf("Put(%q) = %v, want an error that is %q", key, err, errCause)
	}
	if late := time.Since(ended); late > soon {
		t.Errorf("Put(%q) ended %v after its context", key, late)
	}
}
