package main

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"sync"
	"time"

	"datestone/layout"
	"datestone/redirects"
)

// tableAge is how old a table may get before it is looked at again.
const tableAge = time.Second

// A tableCache has the tables of the bucket, read again when they changed.
type tableCache struct {
	reader *reader
	now    func() time.Time

	mu    sync.Mutex
	known *knownTables
}

// knownTables are the tables as they stood at one time.
type knownTables struct {
	asked    time.Time
	versions []string // of the objects, in the order of the configuration
	tables   []layout.Table
	resolver *redirects.Resolver
}

func (c *tableCache) get(ctx context.Context) (*knownTables, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	if c.known != nil && now.Sub(c.known.asked) < tableAge && !now.Before(c.known.asked) {
		return c.known, nil
	}
	fresh := &knownTables{asked: now}
	changed := c.known == nil
	for i, repo := range c.reader.config.Repositories {
		info, err := c.reader.store.Stat(ctx, layout.TableKey(repo.BasePath))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		fresh.versions = append(fresh.versions, info.Version)
		var t layout.Table
		if c.known != nil && c.known.versions[i] == info.Version {
			t = c.known.tables[i]
		} else if t, err = c.reader.table(ctx, repo); err != nil {
			return nil, err
		} else {
			changed = true
		}
		fresh.tables = append(fresh.tables, t)
	}
	if changed {
		fresh.resolver = redirects.New(fresh.tables)
	} else {
		fresh.resolver = c.known.resolver
	}
	c.known = fresh
	return fresh, nil
}

// role returns what the object key is for, which decides its header where the
// store keeps none.
func (k *knownTables) role(key string) layout.Role {
	for _, t := range k.tables {
		inside, ok := strings.CutPrefix(key, t.BasePath+"/")
		if !ok {
			continue
		}
		segment, _, below := strings.Cut(inside, "/")
		switch {
		case below && layout.HasMomentForm(segment):
			return layout.Content
		case below && segment == "log":
			return layout.LogEntry
		}
	}
	return layout.Listing
}
