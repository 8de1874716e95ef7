// Package storetest says what a store is, as tests that any driver runs, and
// has a store in memory that holds a site to its promises while it serves.
//
// Run is the contract of publish.Store, executed. A driver calls it with a
// function that opens a store over an empty place:
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, func(t *testing.T) publish.Store { return open(t) })
//	}
//
// Memory is for the tests of those who write to stores: it notices when what
// never changes is changed or a table names what is not there, and fails or
// dies at any call. The package is for tests only; nothing that ships imports
// it.
package storetest
