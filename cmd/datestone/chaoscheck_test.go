//go:build unix

package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"datestone/layout"
)

// check looks from outside at what stands while nobody works.
func (s *chaosStory) check() {
	site, err := s.snapshot()
	if err != nil {
		complain(s.t, "read the bucket", err)
		return
	}
	for _, repo := range chaosRepos {
		for _, err := range checkRepo(site, repo) {
			s.t.Errorf("at rest: %s: %v", repo.name, err)
		}
	}
}

// checkRepo returns what is wrong with a repository at rest: its table is that
// of its log, every checkpoint is whole, and nothing is left over.
func checkRepo(site siteBytes, repo chaosRepo) (wrong []error) {
	t, err := layout.DecodeTable([]byte(site[layout.TableKey(repo.base)]))
	if err != nil {
		return []error{err}
	}
	entries := 0
	for ; ; entries++ {
		body, ok := site[layout.RecordKey(repo.base, entries+1)]
		if !ok {
			break
		}
		if entries+1 == t.Log.Entries && layout.DigestOf([]byte(body)) != t.Log.SHA256 {
			wrong = append(wrong, fmt.Errorf("record %d is not the one that the table names", entries+1))
		}
	}
	if entries != t.Log.Entries {
		wrong = append(wrong, fmt.Errorf("%d records, the table shows %d", entries, t.Log.Entries))
	}
	for _, c := range t.Checkpoints {
		if err := completeIn(site, repo.base, c.ID); err != nil && len(t.Redacted) == 0 {
			wrong = append(wrong, fmt.Errorf("checkpoint %s: %w", c.ID, err))
		}
	}
	if newest := string(t.Newest()); !strings.Contains(site[layout.ListingKey(repo.base)], newest+"/") {
		wrong = append(wrong, fmt.Errorf("the page does not list %s", newest))
	}
	return append(wrong, leftOver(site, repo, t)...)
}

// leftOver returns what stands that no reader is told of.
func leftOver(site siteBytes, repo chaosRepo, t layout.Table) (wrong []error) {
	for key := range site {
		if strings.HasPrefix(key, layout.ClaimPrefix(repo.name)) {
			wrong = append(wrong, fmt.Errorf("left over: %s", key))
		}
		below, ok := strings.CutPrefix(key, repo.base+"/")
		dir, _, _ := strings.Cut(below, "/")
		id, err := layout.ParseStamp(dir)
		if !ok || err != nil {
			continue
		}
		if _, ok := t.Find(id); !ok && !t.IsGone(id) {
			wrong = append(wrong, fmt.Errorf("left over: %s", key))
		}
	}
	return wrong
}

// snapshot reads all that stands.
func (s *chaosStory) snapshot() (siteBytes, error) {
	var mu sync.Mutex
	site := siteBytes{}
	g, ctx := errgroup.WithContext(s.t.Context())
	g.SetLimit(8)
	for info, err := range s.store.List(ctx, "") {
		if err != nil {
			return nil, err
		}
		g.Go(func() error {
			body, err := s.body(ctx, info.Key)
			mu.Lock()
			defer mu.Unlock()
			site[info.Key] = body
			return err
		})
	}
	return site, g.Wait()
}

func (s *chaosStory) body(ctx context.Context, key string) (string, error) {
	o, _, err := s.store.Get(ctx, key, 0, -1)
	if err != nil {
		return "", err
	}
	defer o.Close()
	b, err := io.ReadAll(o)
	return string(b), err
}
