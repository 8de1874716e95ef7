package reposync

import (
	"bytes"
	"fmt"
	"io"
	"iter"
	"slices"

	"datestone/layout"
	"datestone/sync/rpmmd"
)

func (rpmFormat) closed(_ Remote, c *closure) error {
	data, err := rpmmd.Repomd(bytes.NewReader(c.state.Bodies[repomdPath]))
	if err != nil {
		return fmt.Errorf("%s: %w", repomdPath, err)
	}
	slices.SortStableFunc(data, func(a, b rpmmd.Data) int { return rank(a) - rank(b) })
	for _, d := range data {
		if err := c.data(d); err != nil {
			return err
		}
	}
	for _, name := range treeinfos {
		if body, ok := c.state.Bodies[name]; ok {
			if err := c.treeinfo(name, body); err != nil {
				return err
			}
		}
	}
	return nil
}

// data wants a file that repomd.xml names, and what that names.
func (c *closure) data(d rpmmd.Data) error {
	p, err := rpmmd.Resolve(c.state.root, d.Location)
	if decoded, ok := rpmmd.Decoded(p); ok && !has(c.state.Files, p) {
		p = decoded
	}
	if err == nil {
		err = c.wants(repomdPath, declared(p, d.Size, d.Checksum))
	}
	if err != nil {
		return err
	}
	switch d.Type {
	case typePrimary:
		return c.packages(p, d, rpmmd.Packages, c.wantsPackage)
	case "prestodelta", "deltainfo":
		return c.packages(p, d, rpmmd.Deltas, c.wantsDelta)
	}
	return nil
}

func (c *closure) packages(p string, d rpmmd.Data, read func(io.Reader) iter.Seq2[rpmmd.Package, error],
	wants func(where string, id uint64, f layout.File) error) error {
	plain, err := openData(c.state.Bodies[p], d)
	if err != nil {
		return fmt.Errorf("%s: %w", p, err)
	}
	defer plain.Close()
	for named, err := range read(plain) {
		var at string
		if err == nil {
			at, err = rpmmd.Resolve(c.state.root, named.Location)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", p, err)
		}
		if err := wants(p, rpmIdentity(named).id, declared(at, named.Size, named.Checksum)); err != nil {
			return err
		}
	}
	return nil
}

// wantsDelta is wants, but where packages are left out their deltas are, too,
// and so are those that lead to packages of which primary.xml says nothing.
func (c *closure) wantsDelta(where string, _ uint64, f layout.File) error {
	err := c.wants(where, f)
	if _, there := find(c.state.Files, f.Path); !there && c.state.Remote.LeftOut != nil {
		return nil
	}
	return err
}

func (c *closure) treeinfo(name string, body []byte) error {
	images, err := rpmmd.Treeinfo(body)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	for _, f := range images {
		p, err := rpmmd.Resolve(c.state.root, rpmmd.Location{Href: f.Path})
		if err == nil {
			err = c.wants(name, declared(p, -1, f.Checksum))
		}
		if err != nil {
			return err
		}
	}
	return nil
}
