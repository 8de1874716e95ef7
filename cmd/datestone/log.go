package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"sync"
)

// newLog returns the logger that the global flags ask for: plain lines for
// people, or JSON for machines. Both go to Stderr.
func newLog(e *env) *slog.Logger {
	level := slog.LevelInfo
	switch {
	case e.Quiet:
		level = slog.LevelWarn
	case e.Verbose:
		level = slog.LevelDebug
	}
	if e.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(e.screen(), &slog.HandlerOptions{Level: level}))
	}
	return slog.New(&lineHandler{mu: new(sync.Mutex), w: e.screen(), level: level})
}

// A lineHandler writes a record as a line for people:
//
//	datestone: checkpoint published repo=debian checkpoint=20250318T140338Z
type lineHandler struct {
	mu     *sync.Mutex
	w      io.Writer
	level  slog.Level
	attrs  string // written already, from WithAttrs
	prefix string // of WithGroup
}

func (h *lineHandler) Enabled(_ context.Context, l slog.Level) bool { return l >= h.level }

func (h *lineHandler) Handle(_ context.Context, r slog.Record) error {
	var b strings.Builder
	b.WriteString("datestone: ")
	if r.Level >= slog.LevelWarn {
		b.WriteString(strings.ToLower(r.Level.String()) + ": ")
	}
	b.WriteString(r.Message)
	b.WriteString(h.attrs)
	r.Attrs(func(a slog.Attr) bool {
		writeAttr(&b, h.prefix, a)
		return true
	})
	b.WriteByte('\n')
	h.mu.Lock()
	defer h.mu.Unlock()
	_, err := io.WriteString(h.w, b.String())
	return err
}

func (h *lineHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	var b strings.Builder
	for _, a := range attrs {
		writeAttr(&b, h.prefix, a)
	}
	with := *h
	with.attrs += b.String()
	return &with
}

func (h *lineHandler) WithGroup(name string) slog.Handler {
	with := *h
	with.prefix += name + "."
	return &with
}

func writeAttr(b *strings.Builder, prefix string, a slog.Attr) {
	v := a.Value.Resolve()
	if v.Kind() == slog.KindGroup {
		for _, g := range v.Group() {
			writeAttr(b, prefix+a.Key+".", g)
		}
		return
	}
	text := v.String()
	if text == "" || strings.ContainsAny(text, " \t\r\n\"=") || !strconv.CanBackquote(text) {
		text = strconv.Quote(text)
	}
	fmt.Fprintf(b, " %s%s=%s", prefix, a.Key, text)
}
