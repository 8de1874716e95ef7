// Package index remembers what was seen and what the bucket holds.
//
// It is one bbolt file, a cache: everything in it can be made again from the
// bucket, and a file that is damaged, foreign or of an unknown version is set
// aside or refused before it is mapped. It may not reach for the network, the
// store or the remotes.
//
// A state is a tree, cut from the sorted files at places that their paths
// choose, so that two states share all but the nodes that differ: taking one
// in writes what changed, and Diff reads what differs.
//
//	root, err := db.PutState(files)
//	for change, err := range db.Diff(before, root) { … }
package index
