// Package rpmmd reads the metadata of an rpm repository: repomd.xml, what of
// the files it names leads to other files, treeinfo, and the lists of mirrors.
// It only parses: it opens nothing, asks nobody, and knows no clock.
//
// Input is hostile. Documents are read as streams, in memory that does not
// grow with them; entities are not defined, depth and length of what stands
// between two tags are limited, and errors name the line.
//
//	for p, err := range rpmmd.Packages(plain) {
//		path, err := rpmmd.Resolve(root, p.Base, p.Href)
//		…
package rpmmd
