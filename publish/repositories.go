package publish

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"datestone/layout"
)

// Register puts a repository into repositories.json, and draws the pages that
// lead to it; the file comes last, so that what is missing is made again.
func (b *Bucket) Register(ctx context.Context, r layout.Repository, publicPath string) error {
	for range maxRaces {
		list, version, err := b.Repositories(ctx)
		if err != nil {
			return err
		}
		list, changed := list.With(r)
		if !changed {
			return nil
		}
		if err := b.register(ctx, list, publicPath, version); !errors.Is(err, ErrConflict) {
			return err
		}
	}
	return fmt.Errorf("replace %q: %w", layout.RepositoriesKey, ErrConflict)
}

// Repositories returns repositories.json and its version; an empty list and no
// version where it does not stand yet.
func (b *Bucket) Repositories(ctx context.Context) (list layout.Repositories, version string, err error) {
	body, info, err := b.Read(ctx, layout.RepositoriesKey, maxListing)
	if errors.Is(err, fs.ErrNotExist) {
		return list, "", nil
	}
	if err != nil {
		return list, "", err
	}
	list, err = layout.DecodeRepositories(body)
	return list, info.Version, err
}

func (b *Bucket) register(ctx context.Context, list layout.Repositories, publicPath, version string) error {
	pages, err := layout.SitePages(list, publicPath)
	if err != nil {
		return err
	}
	for _, page := range pages {
		if page.Key == layout.RepositoriesKey {
			continue
		}
		if err := b.Advance(ctx, page); err != nil {
			return err
		}
	}
	body, err := list.Encode()
	if err != nil {
		return err
	}
	p := Bytes(layout.NewPage(layout.Listing, layout.RepositoriesKey, body, list.Changes).Object, body)
	p.Create, p.IfMatch, p.Whole = version == "", version, true
	return b.put(ctx, p)
}
