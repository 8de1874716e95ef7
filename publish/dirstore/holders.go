package dirstore

import (
	"maps"
	"sync"
)

// holders remember, for a file that can have no more links, the copy that has
// room for them: ext4 takes 65,000 links to one file.
type holders struct {
	mu sync.Mutex
	by map[string]string
}

func (h *holders) of(source string) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	if c, ok := h.by[source]; ok {
		return c
	}
	return source
}

func (h *holders) set(source, copy string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.by == nil {
		h.by = map[string]string{}
	}
	h.by[source] = copy
}

// forget is called when name gets other bytes or goes.
func (h *holders) forget(name string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	maps.DeleteFunc(h.by, func(source, copy string) bool { return source == name || copy == name })
}
