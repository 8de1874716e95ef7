package reposync

import (
	"context"
	"fmt"

	"datestone/layout"
	"datestone/sync/rpmmd"
)

// extraFiles is the name of a list of what belongs to a tree beside packages and
// images: licences, keys.
const extraFiles = "extra_files.json"

// tree takes in what belongs to an installable tree. The list of extra files is
// asked for where there is a treeinfo, and only when something changed: no
// client needs it, and it changes with the tree.
//
// media.1/ of SUSE's trees is not taken in: no metadata names it or proves it,
// zypper takes a repository without it as it is, and to look for it would cost
// requests at each repository that has none.
func (r *rpmReader) tree(ctx context.Context) error {
	for _, name := range treeinfos {
		if err := r.treeinfo(ctx, name); err != nil {
			return err
		}
	}
	if !r.isTree {
		return nil
	}
	return r.extraFiles(ctx)
}

// treeinfo takes in the description of an installable tree, and its images.
func (r *rpmReader) treeinfo(ctx context.Context, name string) error {
	body, err := r.optional(ctx, name, isText)
	if body == nil || err != nil {
		return err
	}
	r.isTree = true
	images, err := rpmmd.Treeinfo(body)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	for _, f := range images {
		path, err := rpmmd.Resolve(r.url, rpmmd.Location{Href: f.Path})
		if err == nil && f.Checksum.IsZero() {
			err = fmt.Errorf("image %q has no checksum", f.Path)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if err := r.add(ctx, path, f.Checksum, -1); err != nil {
			return err
		}
	}
	return nil
}

// extraFiles takes in the list of extra files, and those of them that the remote
// has. What has no list of that form is left alone.
func (r *rpmReader) extraFiles(ctx context.Context) error {
	body, _, err := r.get(ctx, extraFiles, layout.Validators{}, maxRepomd)
	if isMissing(err) || isForbidden(err) || err == nil && !isText(body) {
		return nil
	}
	if err != nil {
		return err
	}
	files, err := rpmmd.ExtraFiles(body)
	if err != nil {
		return fmt.Errorf("%s: %w", extraFiles, err)
	}
	r.keep(extraFiles, body)
	for _, f := range files {
		path, err := rpmmd.Resolve(r.url, rpmmd.Location{Href: f.Path})
		if err != nil {
			return fmt.Errorf("%s: %w", extraFiles, err)
		}
		if _, err := r.stat(ctx, path); isMissing(err) || isForbidden(err) {
			r.log.WarnContext(ctx, "a file is left out that the remote lists, and does not have", "remote", r.Remote, "list", extraFiles, "path", path)
			continue
		}
		if err := r.add(ctx, path, f.Checksum, f.Size); err != nil {
			return err
		}
	}
	return nil
}
