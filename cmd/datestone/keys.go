package main

import (
	"maps"
	"slices"
)

// sortedKeys returns the keys of m, ascending: nothing that is printed comes
// out of map order.
func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
