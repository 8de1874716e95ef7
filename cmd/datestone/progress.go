package main

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"

	"datestone/layout"
)

// progressEvery is how often a line is written where there is no terminal.
const progressEvery = 10 * time.Second

// A progress tells how far things are. Its methods may be called from many
// goroutines; things under way at the same time are shown as one.
type progress interface {
	// Start begins a thing of total bytes; -1 where that is not known.
	Start(what string, total int64)
	Add(n int64)
	// Done ends one of the things.
	Done()
}

// A tally adds up what is under way.
type tally struct {
	what        string
	things      int
	done, total int64 // bytes; a total of -1 is not known
}

func (t *tally) start(what string, total int64) {
	if t.things == 0 {
		*t = tally{what: what, total: total}
	} else if t.total >= 0 && total >= 0 {
		t.total += total
	} else {
		t.total = -1
	}
	if t.things++; t.things > 1 {
		t.what = fmt.Sprintf("%d repositories", t.things)
	}
}

// end ends one thing, and reports whether that was the last.
func (t *tally) end() bool {
	if t.things == 0 {
		return false
	}
	t.things--
	return t.things == 0
}

func (t *tally) String() string {
	if t.total < 0 {
		return fmt.Sprintf("%s: %s", t.what, layout.HumanSize(t.done))
	}
	return fmt.Sprintf("%s: %s of %s", t.what, layout.HumanSize(t.done), layout.HumanSize(t.total))
}

// newProgress returns a bar on a terminal, plain lines elsewhere, and nothing
// with --quiet.
func newProgress(e *env) progress {
	switch {
	case e.Quiet || e.LogFormat == "json":
		return noProgress{}
	case e.IsTerminal:
		return barProgress{e.screen(), &tally{}}
	}
	return &lineProgress{w: e.screen(), now: e.Now}
}

type noProgress struct{}

func (noProgress) Start(string, int64) {}
func (noProgress) Add(int64)           {}
func (noProgress) Done()               {}

// A screen is a terminal that has lines and, below them, at most one bar.
type screen struct {
	mu  sync.Mutex
	w   io.Writer
	bar *progressbar.ProgressBar
}

// Write writes whole lines, in place of the bar, which the next Add draws below.
func (s *screen) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.bar != nil {
		s.bar.Clear()
	}
	return s.w.Write(b)
}

// barProgress draws a bar, and wipes it when it is done. That drawing fails
// when the terminal does is no reason to stop.
type barProgress struct {
	*screen
	tally *tally
}

func (p barProgress) Start(what string, total int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tally.start(what, total)
	if p.bar != nil {
		p.bar.Clear()
	}
	p.bar = progressbar.NewOptions64(p.tally.total,
		progressbar.OptionSetWriter(p.w), progressbar.OptionSetDescription(p.tally.what),
		progressbar.OptionShowBytes(true), progressbar.OptionShowTotalBytes(true),
		progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish())
	p.bar.Set64(p.tally.done)
}

func (p barProgress) Add(n int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tally.done += n
	if p.bar != nil {
		p.bar.Add64(n)
	}
}

func (p barProgress) Done() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.tally.end() {
		p.bar.Clear()
		p.bar = nil
	}
}

// lineProgress writes a line now and then, and one at the end.
type lineProgress struct {
	mu    sync.Mutex
	w     io.Writer
	now   func() time.Time
	tally tally
	last  time.Time
}

func (p *lineProgress) Start(what string, total int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tally.start(what, total)
	p.last = p.now()
}

func (p *lineProgress) Add(n int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tally.done += n
	if now := p.now(); p.tally.things > 0 && now.Sub(p.last) >= progressEvery {
		p.last = now
		p.line()
	}
}

func (p *lineProgress) Done() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.tally.end() && p.tally.done > 0 {
		p.line()
	}
}

func (p *lineProgress) line() { fmt.Fprintf(p.w, "datestone: %s\n", &p.tally) }
