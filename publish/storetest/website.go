package storetest

import (
	"context"
	"fmt"
	"io/fs"

	"datestone/layout"
)

// Website implements publish.WebsiteSetter. A Memory has no prefix.
func (m *Memory) Website(ctx context.Context) (w layout.Website, err error) {
	err = m.call(ctx, "read website", "", func() error {
		now := m.LookWebsite()
		if now == nil {
			return fs.ErrNotExist
		}
		w = *now
		return nil
	})
	return w, err
}

// SetWebsite implements publish.WebsiteSetter. It is durable at once.
func (m *Memory) SetWebsite(ctx context.Context, w layout.Website) error {
	return m.call(ctx, "write website", "", func() error {
		return m.change(func() error {
			if n := len(w.RoutingRules); n > 50 {
				return fmt.Errorf("%d routing rules, the number is limited to 50", n)
			}
			m.website = &w
			return nil
		})
	})
}

// SetRedirection implements publish.WebsiteSetter.
func (m *Memory) SetRedirection(ctx context.Context, r layout.Redirection) error {
	return m.call(ctx, "put redirection", r.Key, func() error {
		return m.change(func() error {
			o := newObject("", layout.HeaderFor(layout.Listing, r.Key))
			o.Location = r.Location
			return m.set(r.Key, o)
		})
	})
}

// RemoveRedirections implements publish.WebsiteSetter.
func (m *Memory) RemoveRedirections(ctx context.Context, keys ...string) error {
	return m.Delete(ctx, keys...)
}

// LookWebsite returns the configuration in force; nil without any. It is not
// counted and does not fail.
func (m *Memory) LookWebsite() *layout.Website {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.website
}
