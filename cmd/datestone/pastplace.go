package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"datestone/publish"
	reposync "datestone/sync"
	"datestone/sync/history"
)

// isStore recognises what is in a bucket.
func isStore(s string) bool {
	return strings.HasPrefix(s, schemeS3+"://") || strings.HasPrefix(s, schemeMinio+"://")
}

func isMissing(err error) bool { return errors.Is(err, fs.ErrNotExist) }

// store opens the bucket of a place and returns the key that the place is. The
// query is that of a bucket's URL.
func (o *pastOpener) store(place, query string) (pastBucket, string, error) {
	scheme, rest, _ := strings.Cut(place, "://")
	slashes := 1 // of what names the bucket and ends in one
	if scheme == schemeMinio {
		slashes = 2 // host:port/bucket/
	}
	name := rest
	for range slashes {
		at := strings.IndexByte(rest, '/')
		if at < 0 {
			return pastBucket{}, "", fmt.Errorf("%q: write s3://BUCKET/… or minio://HOST:PORT/BUCKET/…", place)
		}
		rest = rest[at+1:]
	}
	u := scheme + "://" + strings.TrimSuffix(name[:len(name)-len(rest)], "/")
	host, _, _ := strings.Cut(strings.TrimPrefix(u, scheme+"://"), "/") // of s3 the bucket, which has a host of its own
	if query != "" {
		u += "?" + query
	}
	o.opening.Lock()
	defer o.opening.Unlock()
	if b, ok := o.stores[u]; ok {
		return b, rest, nil
	}
	b, err := o.openBucket(u)
	if err != nil {
		return pastBucket{}, "", err
	}
	o.stores[u] = pastBucket{b, func(ctx context.Context) error { return o.client.Wait(ctx, host) }}
	return o.stores[u], rest, nil
}

func (o *pastOpener) openBucket(u string) (*publish.Bucket, error) {
	parsed, err := parseBucket(u, "")
	if err != nil {
		return nil, err
	}
	s, err := driver(o.ctx, parsed, o.jobs)
	if err != nil {
		return nil, err
	}
	return publish.New(publish.Config{Store: s, Jobs: o.jobs, Log: o.Log})
}

// A pastBucket is a bucket that has past states. It is asked no more often than
// --rate allows.
type pastBucket struct {
	*publish.Bucket
	wait func(context.Context) error
}

func (b pastBucket) Open(ctx context.Context, key string) (io.ReadCloser, publish.Info, error) {
	if err := b.wait(ctx); err != nil {
		return nil, publish.Info{}, err
	}
	return b.Bucket.Open(ctx, key)
}

func (b pastBucket) Folders(ctx context.Context, prefix string) ([]string, error) {
	if err := b.wait(ctx); err != nil {
		return nil, err
	}
	return b.Bucket.Folders(ctx, prefix)
}

func (b pastBucket) History(ctx context.Context, key string) ([]publish.Version, error) {
	if err := b.wait(ctx); err != nil {
		return nil, err
	}
	return b.Bucket.History(ctx, key)
}

func (b pastBucket) OpenVersion(ctx context.Context, key, id string) (io.ReadCloser, error) {
	if err := b.wait(ctx); err != nil {
		return nil, err
	}
	return b.Bucket.OpenVersion(ctx, key, id)
}

// lister returns what lists below the root of a pattern.
func (o *pastOpener) lister(root, query string) (history.Lister, error) {
	switch {
	case isWeb(root):
		return webLister{o}, nil
	case isStore(root):
		b, key, err := o.store(root, query)
		return bucketLister{b, strings.TrimSuffix(root, key)}, err
	case hasScheme(root):
		return nil, errors.New("write a directory, http://…, https://…, s3://… or minio://…")
	}
	return diskLister{}, nil
}

// A bucketLister lists what stands below prefixes of a bucket.
type bucketLister struct {
	bucket pastBucket
	url    string // what the places begin with, before the key
}

func (l bucketLister) List(ctx context.Context, dir string) ([]string, error) {
	return l.bucket.Folders(ctx, strings.TrimPrefix(dir, l.url))
}

// inStore returns the remote as it stands at a place of a bucket: a directory,
// or a manifest and what is beside it.
func (o *pastOpener) inStore(r reposync.Remote, place, query string) (reposync.Remote, error) {
	b, key, err := o.store(place, query)
	if err != nil {
		return r, err
	}
	root := key
	if o.remote.Type == typeOfManifests {
		root = key[:strings.LastIndexByte(key, '/')+1]
		r.URL = o.beside(key[len(root):])
	} else if root != "" && !strings.HasSuffix(root, "/") {
		root += "/"
	}
	r.Past.Tree = bucketTree{b, root}
	return r, nil
}

// beside returns the configured URL with another name of the manifest: what a
// tree is read by.
func (o *pastOpener) beside(name string) string {
	base, _, _ := strings.Cut(o.remote.URL, "?")
	return base[:strings.LastIndexByte(base, '/')+1] + name
}

// A bucketTree is what stands below a prefix of a bucket.
type bucketTree struct {
	bucket pastBucket
	prefix string
}

func (t bucketTree) Open(ctx context.Context, path string, _ int64) (io.ReadCloser, int64, error) {
	body, info, err := t.bucket.Open(ctx, t.prefix+path)
	return body, info.Size, err
}

// versions is versions:URL, of the manifest or what else leads to the state.
func (o *pastOpener) versions(text string) (pastSource, error) {
	place, query, _ := strings.Cut(text, "?")
	if !isStore(place) {
		return pastSource{}, errors.New("write s3://BUCKET/… or minio://HOST:PORT/BUCKET/…")
	}
	b, key, err := o.store(place, query)
	if err != nil {
		return pastSource{}, err
	}
	root, lead, err := o.leads(key)
	if err != nil {
		return pastSource{}, err
	}
	return pastSource{states: history.Versions(o.ctx, bucketVersions{b}, root, lead), remote: func(s history.State) (reposync.Remote, error) {
		r := o.past(s, s.Tree)
		if o.remote.Type == typeOfManifests {
			r.URL = o.beside(lead)
		} else {
			r.URL = rootless(r.URL)
		}
		return r, nil
	}}, nil
}

// rootless stands in for a URL that a tree replaces, where there is none.
func rootless(u string) string {
	if u == "" { // a list of mirrors
		return "file:///"
	}
	return u
}

// leads cuts the key of what leads to the states into the directory of the
// repository and the path below it.
func (o *pastOpener) leads(key string) (root, lead string, err error) {
	if o.remote.Type == typeOfManifests {
		at := strings.LastIndexByte(key, '/') + 1
		return key[:at], key[at:], nil
	}
	for _, path := range o.remote.Leads() {
		if root, ok := strings.CutSuffix(key, path); ok && (root == "" || strings.HasSuffix(root, "/")) {
			return root, path, nil
		}
	}
	return "", "", fmt.Errorf("does not end in what leads to the metadata: %s", strings.Join(o.remote.Leads(), ", "))
}

// bucketVersions is a bucket as history.Versioned.
type bucketVersions struct{ bucket pastBucket }

func (b bucketVersions) Versions(ctx context.Context, key string) ([]history.Version, error) {
	all, err := b.bucket.History(ctx, key)
	versions := make([]history.Version, len(all))
	for i, v := range all {
		versions[i] = history.Version(v)
	}
	return versions, err
}

func (b bucketVersions) OpenVersion(ctx context.Context, key, id string) (io.ReadCloser, error) {
	return b.bucket.OpenVersion(ctx, key, id)
}
