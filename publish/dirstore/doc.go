// Package dirstore keeps a site in a directory: publish.Store over files, a
// key a path below the root. A web server may serve the root as it is; what
// only datestone reads is below .datestone.
//
// An object appears whole, by a rename or a hard link, or not at all. A
// checkpoint gets what an earlier one has by hard links. Headers are not kept:
// the web server knows types by extension and cache rules by path. What was
// written is durable after Sync, one barrier for all.
//
//	s, err := dirstore.New(dirstore.Config{Root: "/srv/site"})
//
// Two keys that differ only in case need a file system that knows case, and a
// key can't be a directory of another.
package dirstore
