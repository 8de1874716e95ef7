package reposync

import (
	"fmt"

	"datestone/layout"
	"datestone/sync/aptrepo"
)

func (debFormat) closed(r Remote, c *closure) error {
	suites, err := r.suites()
	if err != nil {
		return err
	}
	for _, s := range suites {
		if err := c.suite(r, s); err != nil {
			return fmt.Errorf("suite %q: %w", s.name, err)
		}
	}
	return nil
}

func (c *closure) suite(r Remote, s debSuite) error {
	text, err := c.releaseText(s)
	if err != nil {
		return err
	}
	release, err := aptrepo.ParseRelease(text)
	if err != nil {
		return err
	}
	sel, err := newSelection(r, s, release)
	if err != nil {
		return err
	}
	indexes, others := sel.split()
	for _, x := range indexes {
		if err := c.index(sel, x); err != nil {
			return err
		}
	}
	for _, e := range others {
		if _, err := c.entry(sel, e); err != nil {
			return err
		}
	}
	return nil
}

func (c *closure) releaseText(s debSuite) ([]byte, error) {
	if body, ok := c.state.Bodies[s.dir+"InRelease"]; ok {
		return aptrepo.SignedText(body)
	}
	if body, ok := c.state.Bodies[s.dir+"Release"]; ok {
		return body, nil
	}
	return nil, fmt.Errorf("neither %[1]sInRelease nor %[1]sRelease was read", s.dir)
}

// entry looks at a file that a Release lists, which need not be there: but
// where it is by its name, it is by its digests, too.
func (c *closure) entry(sel *selection, e aptrepo.Entry) (there bool, err error) {
	where, p := sel.suite.dir+"Release", sel.suite.dir+e.Path
	if _, ok := find(c.state.Files, p); !ok {
		return false, nil
	}
	for _, p := range append(sel.byHash(e), p) {
		if err := c.wants(where, layout.File{Path: p, Size: e.Size, SHA256: e.SHA256}); err != nil {
			return true, err
		}
	}
	return true, nil
}

// index wants one of the forms of an index, and what that names.
func (c *closure) index(sel *selection, x formed) error {
	var read *debIndex
	for _, e := range x.forms {
		there, err := c.entry(sel, e)
		if err != nil {
			return err
		}
		p := sel.suite.dir + e.Path
		if _, ok := c.state.Bodies[p]; ok && there && read == nil {
			read = &debIndex{path: p, of: x.of}
		}
	}
	if read == nil {
		if plain, ok := sel.release.Find(x.stem); ok && plain.Size == 0 {
			return nil
		}
		return fmt.Errorf("%sRelease names %q, which is not in the file list", sel.suite.dir, sel.suite.dir+x.stem)
	}
	var missing error
	err := read.parse(c.state.Bodies[read.path], func(f aptrepo.PoolFile) {
		if missing == nil {
			missing = c.wantsPackage(read.path, debIdentity(f).id, f.File)
		}
	})
	if err != nil {
		return err
	}
	return missing
}
