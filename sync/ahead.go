package reposync

import (
	"context"
	"sync"

	"datestone/layout"
)

// An ahead is an origin that can be asked for metadata before that is wanted,
// so that a remote far away is waited for once and not for each file. What it
// was answered it hands out once: whoever asks again, asks the remote.
type ahead struct {
	origin
	mu      sync.Mutex
	answers map[string]*answer // by path
}

// An answer has come when done is closed.
type answer struct {
	done chan struct{}
	body []byte
	v    layout.Validators
	err  error
}

func newAhead(o origin) *ahead { return &ahead{origin: o, answers: map[string]*answer{}} }

// get is that of the origin. What a condition brought is at hand for whoever
// reads the file next: it is news, and will be.
func (a *ahead) get(ctx context.Context, path string, known layout.Validators, limit int64) ([]byte, layout.Validators, error) {
	conditional := known.ETag+known.LastModified+known.Fingerprint != ""
	if !conditional {
		if x := a.take(path); x != nil {
			<-x.done // which ends with the context, too
			return x.body, x.v, x.err
		}
	}
	body, v, err := a.origin.get(ctx, path, known, limit)
	if err == nil && conditional {
		x := a.put(path)
		x.body, x.v = body, v
		close(x.done)
	}
	return body, v, err
}

// ask asks for files of at most limit bytes, all at once. The caller calls
// drop when it has read what it wanted of them.
func (a *ahead) ask(ctx context.Context, limit int64, paths ...string) (drop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var asking sync.WaitGroup
	for _, path := range paths {
		x := a.put(path)
		asking.Go(func() {
			defer close(x.done)
			x.body, x.v, x.err = a.origin.get(ctx, path, layout.Validators{}, limit)
		})
	}
	return func() {
		cancel()
		asking.Wait()
		for _, path := range paths {
			a.take(path)
		}
	}
}

func (a *ahead) put(path string) *answer {
	x := &answer{done: make(chan struct{})}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.answers[path] = x
	return x
}

func (a *ahead) take(path string) *answer {
	a.mu.Lock()
	defer a.mu.Unlock()
	x := a.answers[path]
	delete(a.answers, path)
	return x
}
