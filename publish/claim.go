package publish

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"slices"
	"strings"

	"datestone/layout"
)

// Claim takes c.ID for the files: the list first, then the claim, which
// readers of the bucket never see. ErrConflict says that the ID is taken.
func (l *Log) Claim(ctx context.Context, c layout.Claim, list []byte) error {
	key := layout.ClaimFilesKey(l.repository, c.ID)
	page := layout.NewPage(layout.Private, key, list, 0)
	p := Bytes(page.Object, list)
	p.Whole = true
	if err := l.bucket.Create(ctx, p); err != nil {
		return fmt.Errorf("claim %s for %q: %w", c.ID, l.repository, err)
	}
	body, err := c.Encode()
	if err != nil {
		return err
	}
	page = layout.NewPage(layout.Private, layout.ClaimKey(l.repository, c.ID), body, 0)
	p = Bytes(page.Object, body)
	p.Whole = true
	if err := l.bucket.Create(ctx, p); err != nil {
		return fmt.Errorf("claim %s for %q: %w", c.ID, l.repository, err)
	}
	return l.bucket.Sync(ctx)
}

// Quiet reports that nobody holds the repository's lock and no claim stands.
func (l *Log) Quiet(ctx context.Context) (bool, error) {
	owner, err := l.Owner(ctx)
	if err != nil || owner != "" {
		return false, err
	}
	for _, err := range l.bucket.list(ctx, layout.ClaimPrefix(l.repository)) {
		return false, err
	}
	return true, nil
}

// Claims are those that stand, oldest first.
type Claims struct {
	Open []layout.Claim
	// Torn claims have lost their list, so that nobody can finish them: whoever
	// made one was paused between its halves, and may have brought content in.
	Torn []layout.Claim
	// Halves are the IDs of lists without a claim: whoever wrote one was killed
	// before the other half, or was paused there, so that it may yet arrive. The
	// ID can be taken for the same list, and for no other.
	Halves []layout.Stamp
}

// Newest returns the newest ID that is claimed; none where there is none.
func (c Claims) Newest() (id layout.Stamp) {
	for _, claim := range slices.Concat(c.Open, c.Torn) {
		id = max(id, claim.ID)
	}
	return id
}

// Claims returns what stands.
func (l *Log) Claims(ctx context.Context) (all Claims, err error) {
	keys, err := l.claimKeys(ctx)
	if err != nil {
		return all, err
	}
	half := func(list string) {
		id := strings.TrimSuffix(strings.TrimPrefix(list, layout.ClaimPrefix(l.repository)), claimList)
		all.Halves = append(all.Halves, layout.Stamp(id))
	}
	for i, key := range keys {
		id, isList := strings.CutSuffix(key, claimList)
		if isList { // which sorts right before its claim
			if i+1 == len(keys) || keys[i+1] != id+".json" {
				half(key)
			}
			continue
		}
		c, err := l.claim(ctx, key)
		hasList := i > 0 && keys[i-1] == strings.TrimSuffix(key, ".json")+claimList
		switch {
		case errors.Is(err, fs.ErrNotExist): // one who was killed may have a delete on its way to the store
			if hasList {
				half(keys[i-1])
			}
		case err != nil:
			return all, err
		case hasList:
			all.Open = append(all.Open, c)
		default:
			all.Torn = append(all.Torn, c)
		}
	}
	return all, nil
}

func (l *Log) claimKeys(ctx context.Context) (keys []string, err error) {
	for info, err := range l.bucket.list(ctx, layout.ClaimPrefix(l.repository)) {
		if err != nil {
			return nil, err
		}
		keys = append(keys, info.Key)
	}
	return keys, nil
}

// claimList is how the key of a claim's list ends.
const claimList = ".files.zst"

func (l *Log) claim(ctx context.Context, key string) (layout.Claim, error) {
	body, _, err := l.bucket.Read(ctx, key, maxRecord)
	if err != nil {
		return layout.Claim{}, err
	}
	c, err := layout.DecodeClaim(body)
	if err != nil {
		return c, fmt.Errorf("read %q: %w", key, err)
	}
	if key != layout.ClaimKey(l.repository, c.ID) || c.BasePath != l.base {
		return c, fmt.Errorf("read %q: it is a claim of %q at %q", key, c.Repository, c.BasePath)
	}
	return c, nil
}

// Claimed reports whether a claim of the ID stands.
func (l *Log) Claimed(ctx context.Context, id layout.Stamp) (bool, error) {
	_, err := l.bucket.stat(ctx, layout.ClaimKey(l.repository, id))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// ClaimFiles reads the file list of an open claim.
func (l *Log) ClaimFiles(ctx context.Context, c layout.Claim) iter.Seq2[layout.File, error] {
	return l.bucket.fileList(ctx, layout.ClaimFilesKey(l.repository, c.ID), c.List.SHA256)
}

// Unclaim removes a claim that was committed, or half a claim; content stays.
func (l *Log) Unclaim(ctx context.Context, id layout.Stamp) error {
	// The list goes last: a claim that stands can be read.
	for _, key := range []string{layout.ClaimKey(l.repository, id), layout.ClaimFilesKey(l.repository, id)} {
		if err := l.bucket.try(ctx, "delete", func() error { return l.bucket.deleter.Delete(ctx, key) }); err != nil {
			return err
		}
	}
	return nil
}

// Drop removes what was brought in for the plan of a claim that nobody wants
// any more, and then the claim. The log must have moved on since the claim was
// made, so that a writer who still believes in it can't commit it.
func (l *Log) Drop(ctx context.Context, plan layout.Plan) error {
	if err := l.bucket.Delete(ctx, plan.Keys()); err != nil {
		return fmt.Errorf("drop claim %s of %q: %w", plan.ID, l.repository, err)
	}
	return l.Unclaim(ctx, plan.ID)
}

// DropTorn removes a torn claim, and all that stands where its content would be.
// As for Drop, the log must have moved on.
func (l *Log) DropTorn(ctx context.Context, id layout.Stamp) error {
	if _, _, err := l.Sweep(ctx, []layout.Stamp{id}); err != nil {
		return fmt.Errorf("drop claim %s of %q: %w", id, l.repository, err)
	}
	return l.Unclaim(ctx, id)
}

// list is Store.List, begun again where it broke off. It takes no place from
// other requests, as what it yields may need one.
func (b *Bucket) list(ctx context.Context, prefix string) iter.Seq2[Info, error] {
	return func(yield func(Info, error) bool) {
		last := ""
		more := true
		err := b.again(ctx, "list", func() error {
			for info, err := range b.store.List(ctx, prefix) {
				if err != nil {
					return err
				}
				if info.Key <= last {
					continue
				}
				last = info.Key
				if more = yield(info, nil); !more {
					return nil
				}
			}
			return nil
		})
		if err != nil && more {
			yield(Info{}, err)
		}
	}
}
