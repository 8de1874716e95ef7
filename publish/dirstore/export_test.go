package dirstore

import "context"

// SetLink replaces how hard links are made; f gets the true way.
func (s *Store) SetLink(f func(link func(from, to string) error, from, to string) error) {
	link := s.link
	s.link = func(from, to string) error { return f(link, from, to) }
}

// Hold calls f while the store has its lock.
func (s *Store) Hold(ctx context.Context, f func() error) error { return s.lock.hold(ctx, s.root, f) }
