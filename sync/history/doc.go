// Package history enumerates the past states of a remote that something still
// has: dated directories, a list, another snapshot service, the versions of a
// bucket, the commits of a repository of git. Each kind of source is a file
// here, and says of each state when it was and how to open it.
//
// The package may import layout. What reaches outside (listing a directory,
// getting a URL, running git) is handed in as small interfaces, which are
// declared here.
//
//	p, err := history.ParsePattern("/srv/archive/{YYYY}/{MM}/{DD}/")
//	for s, err := range history.Directories(ctx, p, lister) {
//		// s.ID, s.Place
//	}
package history
