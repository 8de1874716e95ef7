//go:build unix

package main

import (
	"context"
	"fmt"
	"io"
	"iter"
	"os"
	"path"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"datestone/layout"
	"datestone/publish"
)

// The environment by which a test disturbs a process that it starts.
const (
	// disturbVar is "kill before 17" or "stop after put KEYPATTERN": a signal
	// to itself, before or after a call of the store, by its number or by what
	// it does to which key. A stopped process has written the file stoppedVar.
	disturbVar = "DATESTONE_TEST_DISTURB"
	stoppedVar = "DATESTONE_TEST_STOPPED"
	// callsVar names a file that grows by a byte at each call.
	callsVar = "DATESTONE_TEST_CALLS"
)

// disturbed puts what the environment asks for around a store.
func disturbed(s publish.Store) publish.Store {
	all, ok := s.(dirStore)
	words := strings.SplitN(os.Getenv(disturbVar), " ", 3)
	if !ok || len(words) < 3 && os.Getenv(callsVar) == "" {
		return s
	}
	d := &disturbedStore{dirStore: all}
	if len(words) == 3 {
		d.action, d.when, d.what = words[0], words[1], words[2]
	}
	return d
}

type disturbedStore struct {
	dirStore
	action, when, what string

	mu    sync.Mutex
	calls int
	done  bool
	// flight is held by every call: a process is not stopped in the middle of
	// one, where it would hold the mutex of the directory.
	flight sync.RWMutex
}

// call does a call, and what is to happen before or after it.
func (d *disturbedStore) call(op, key string, do func()) {
	d.mu.Lock()
	d.calls++
	match := !d.done && d.matches(op, key)
	d.done = d.done || match
	if name := os.Getenv(callsVar); name != "" {
		f, err := os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o666)
		if err != nil {
			panic(err)
		}
		fmt.Fprint(f, ".")
		f.Close()
	}
	d.mu.Unlock()
	if match && d.when == "before" {
		d.signal()
	}
	d.flight.RLock()
	do()
	d.flight.RUnlock()
	if match && d.when == "after" {
		d.signal()
	}
}

func (d *disturbedStore) matches(op, key string) bool {
	if n, err := strconv.Atoi(d.what); err == nil {
		return n == d.calls
	}
	ok, err := path.Match(d.what, op+" "+key)
	return err == nil && ok
}

func (d *disturbedStore) signal() {
	if d.action == "kill" {
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}
	d.flight.Lock()
	defer d.flight.Unlock()
	if err := os.WriteFile(os.Getenv(stoppedVar), nil, 0o666); err != nil {
		panic(err)
	}
	syscall.Kill(os.Getpid(), syscall.SIGSTOP)
	// The kernel may let another thread take the signal, and this one go on
	// for a while.
	time.Sleep(time.Second)
}

func (d *disturbedStore) Get(ctx context.Context, key string, offset, length int64) (r io.ReadCloser, i publish.Info, err error) {
	d.call("get", key, func() { r, i, err = d.dirStore.Get(ctx, key, offset, length) })
	return r, i, err
}

func (d *disturbedStore) Stat(ctx context.Context, key string) (i publish.Info, err error) {
	d.call("stat", key, func() { i, err = d.dirStore.Stat(ctx, key) })
	return i, err
}

func (d *disturbedStore) Put(ctx context.Context, p publish.Put) (i publish.Info, err error) {
	d.call("put", p.Key, func() { i, err = d.dirStore.Put(ctx, p) })
	return i, err
}

func (d *disturbedStore) List(ctx context.Context, prefix string) (all iter.Seq2[publish.Info, error]) {
	d.call("list", prefix, func() { all = d.dirStore.List(ctx, prefix) })
	return all
}

func (d *disturbedStore) Link(ctx context.Context, from string, to layout.Object) (err error) {
	d.call("link", to.Key, func() { err = d.dirStore.Link(ctx, from, to) })
	return err
}

func (d *disturbedStore) Delete(ctx context.Context, keys ...string) (err error) {
	for _, key := range keys {
		if d.call("delete", key, func() { err = d.dirStore.Delete(ctx, key) }); err != nil {
			return err
		}
	}
	return nil
}

func (d *disturbedStore) Purge(ctx context.Context, keys ...string) (err error) {
	for _, key := range keys {
		if d.call("purge", key, func() { err = d.dirStore.Purge(ctx, key) }); err != nil {
			return err
		}
	}
	return nil
}

func (d *disturbedStore) Sync(ctx context.Context) (err error) {
	d.call("sync", "", func() { err = d.dirStore.Sync(ctx) })
	return err
}
