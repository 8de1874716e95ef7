package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// cloudFrontNames are names at CloudFront; nothing is pushed without Function.
type cloudFrontNames struct {
	Function string
	Store    string // the KeyValueStore; that of the Function if empty
}

func (r *configReader) cloudFront(n ast.Node) {
	to := &r.config.Redirects.CloudFront
	r.fields(n, map[string]field{
		"function":        r.text(&to.Function, checkEdgeName),
		"key_value_store": r.text(&to.Store, checkEdgeName),
	}, "function")
}

// checkCloudFront refuses names, which stand at n, that nothing is pushed to.
func (r *configReader) checkCloudFront(n ast.Node) {
	if n != nil && !slices.Contains(r.config.Redirects.Targets, targetCloudFront) {
		r.problem(n, `"cloudfront" says where rules are pushed to, but "targets" has no cloudfront`)
	}
}

// checkEdgeName refuses what CloudFront does not take as a name.
func checkEdgeName(s string) error {
	if s == "" || len(s) > 64 || strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") != "" {
		return fmt.Errorf("%q: a name at CloudFront is 1 to 64 letters, digits, - and _", s)
	}
	return nil
}

// websitePush says whether the bucket's own web site is told to redirect.
type websitePush struct{ Push bool }

func (r *configReader) s3(n ast.Node) {
	r.fields(n, map[string]field{"push": r.truth(&r.config.Redirects.S3.Push)}, "push")
}

// checkS3 refuses to push rules, which is said at n, that nobody renders.
func (r *configReader) checkS3(n ast.Node) {
	r.website = n
	if n != nil && !slices.Contains(r.config.Redirects.Targets, targetS3) {
		r.problem(n, `"s3" says that its rules are pushed, but "targets" has no s3`)
	}
}

// checkWebsite holds the bucket's prefix against the public path, which may
// stand elsewhere: S3 knows a request by its key.
func (r *configReader) checkWebsite() {
	b := r.config.Bucket
	if r.website == nil || !r.config.Redirects.S3.Push || b.Scheme != schemeS3 || r.config.PublicPath == "" {
		return
	}
	if path := strings.Trim(r.config.PublicPath, "/"); path != b.Prefix {
		r.problem(r.website, `"s3" is pushed to, so the prefix of the bucket has to be the path of the public URL: %q is not %q`, b.Prefix, path)
	}
}

// pushed returns the targets that rules are pushed to.
func (c *config) pushed() []string {
	var targets []string
	if c.Redirects.CloudFront.Function != "" {
		targets = append(targets, targetCloudFront)
	}
	if c.Redirects.S3.Push {
		targets = append(targets, targetS3)
	}
	return targets
}
