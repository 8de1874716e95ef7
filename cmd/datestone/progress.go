package main

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
)

// progressEvery is how often a line is written where there is no terminal.
const progressEvery = 10 * time.Second

// A progress tells how far something is. Its methods may be called from many
// goroutines; Start ends what was started before.
type progress interface {
	// Start begins a count up to total bytes; -1 where that is not known.
	Start(what string, total int64)
	Add(n int64)
	Done()
}

// newProgress returns a bar on a terminal, plain lines elsewhere, and nothing
// with --quiet.
func newProgress(e *env) progress {
	switch {
	case e.Quiet || e.LogFormat == "json":
		return noProgress{}
	case e.IsTerminal:
		return barProgress{e.screen()}
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
type barProgress struct{ *screen }

func (p barProgress) Start(what string, total int64) {
	p.Done()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.bar = progressbar.NewOptions64(total,
		progressbar.OptionSetWriter(p.w), progressbar.OptionSetDescription(what),
		progressbar.OptionShowBytes(true), progressbar.OptionShowTotalBytes(true),
		progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish())
}

func (p barProgress) Add(n int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bar != nil {
		p.bar.Add64(n)
	}
}

func (p barProgress) Done() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bar != nil {
		p.bar.Clear()
		p.bar = nil
	}
}

// lineProgress writes a line now and then, and one at the end.
type lineProgress struct {
	mu          sync.Mutex
	w           io.Writer
	now         func() time.Time
	what        string
	done, total int64
	last        time.Time
}

func (p *lineProgress) Start(what string, total int64) {
	p.Done()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.what, p.done, p.total, p.last = what, 0, total, p.now()
}

func (p *lineProgress) Add(n int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done += n
	if now := p.now(); p.what != "" && now.Sub(p.last) >= progressEvery {
		p.last = now
		p.line()
	}
}

func (p *lineProgress) Done() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.what != "" && p.done > 0 {
		p.line()
	}
	p.what = ""
}

func (p *lineProgress) line() {
	if p.total < 0 {
		fmt.Fprintf(p.w, "datestone: %s: %s\n", p.what, humanSize(p.done))
		return
	}
	fmt.Fprintf(p.w, "datestone: %s: %s of %s\n", p.what, humanSize(p.done), humanSize(p.total))
}

// humanSize writes a size in decimal units: 228 Bytes, 1.0 kB.
func humanSize(n int64) string {
	if n < 1000 {
		return fmt.Sprintf("%d Bytes", n)
	}
	size, unit := float64(n)/1000, 0
	for size >= 999.95 && unit < len("kMGTPE")-1 {
		size, unit = size/1000, unit+1
	}
	return fmt.Sprintf("%.1f %cB", size, "kMGTPE"[unit])
}
