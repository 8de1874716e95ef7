package dirstore_test

import (
	"testing"

	"datestone/publish"
	"datestone/publish/dirstore"
	"datestone/publish/storetest"
)

func open(t testing.TB, root string) *dirstore.Store {
	t.Helper()
	s, err := dirstore.New(dirstore.Config{Root: root})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestStore(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) publish.Store { return open(t, t.TempDir()) })
}
