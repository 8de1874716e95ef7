package publish

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"datestone/layout"
)

// maxStatus is the limit for the status, in bytes.
const maxStatus = 64 << 20

// Status reads how the runs went, and the version of what says so; an empty
// status and no version where nothing does.
func (b *Bucket) Status(ctx context.Context) (s layout.Status, version string, err error) {
	body, info, err := b.Read(ctx, layout.StatusKey, maxStatus)
	if errors.Is(err, fs.ErrNotExist) {
		return s, "", nil
	}
	if err == nil {
		s, err = layout.DecodeStatus(body)
	}
	return s, info.Version, err
}

// UpdateStatus writes what change makes of the status, unless that is false,
// and returns what then stands. Another run may write at the same time; then
// change is asked again. A status that can't be read is begun again.
func (b *Bucket) UpdateStatus(ctx context.Context, change func(layout.Status) (layout.Status, bool)) (layout.Status, error) {
	for range maxRaces {
		old, version, err := b.Status(ctx)
		if err != nil && version == "" {
			return old, err
		}
		if err != nil {
			b.log.WarnContext(ctx, "the status is not one of this datestone, and is begun again", "error", err)
		}
		s, changed := change(old)
		if !changed {
			return s, nil
		}
		body, err := s.Encode()
		if err != nil {
			return s, err
		}
		p := Bytes(layout.NewPage(layout.Listing, layout.StatusKey, body, 0).Object, body)
		p.Create, p.IfMatch, p.Whole = version == "", version, true
		if err := b.put(ctx, p); !errors.Is(err, ErrConflict) {
			return s, err
		}
	}
	return layout.Status{}, fmt.Errorf("replace %q: %w", layout.StatusKey, ErrConflict)
}
