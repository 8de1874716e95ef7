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
