package main

import (
	"fmt"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"datestone/layout"
	"datestone/publish"
)

// The schemes of bucket URLs.
const (
	schemeFile  = "file"
	schemeS3    = "s3"
	schemeMinio = "minio"
)

// A bucket says where a site stands.
type bucket struct {
	Scheme string // file, s3 or minio
	Dir    string // file: the directory
	Name   string // s3, minio
	Prefix string // s3, minio: without slashes at its ends; empty for none
	// Host is minio's host:port.
	Host string
	// Region and Endpoint are s3's; empty means what the SDK finds.
	Region, Endpoint string
	PathStyle        bool // s3
	TLS              bool // minio
	// Terms are what s3 and minio are asked for with each object.
	Terms publish.Terms
}

// String returns the bucket's identity, in one spelling.
func (b bucket) String() string {
	where := b.Name
	if b.Prefix != "" {
		where += "/" + b.Prefix
	}
	switch b.Scheme {
	case schemeFile:
		return "file:" + filepath.ToSlash(b.Dir)
	case schemeMinio:
		return "minio://" + b.Host + "/" + where
	}
	if b.Endpoint != "" {
		return "s3://" + where + "?endpoint=" + url.QueryEscape(b.Endpoint)
	}
	return "s3://" + where
}

// parseBucket reads a bucket URL; a relative directory is one below dir.
func parseBucket(s, dir string) (bucket, error) {
	scheme, rest, ok := strings.Cut(s, ":")
	switch {
	case ok && scheme == schemeFile:
		path := strings.TrimPrefix(rest, "//")
		if path == "" || strings.ContainsAny(path, "?#") {
			return bucket{}, fmt.Errorf("bucket %q: write file:PATH", s)
		}
		return bucket{Scheme: schemeFile, Dir: under(dir, filepath.FromSlash(path))}, nil
	case ok && scheme == schemeS3:
		return parseS3(bucketText(s))
	case ok && scheme == schemeMinio:
		return parseMinio(bucketText(s))
	}
	return bucket{}, fmt.Errorf("bucket %q: write file:PATH, s3://name/prefix?region=REGION or minio://host:port/name/prefix", bucketText(s))
}

// A bucketText is a bucket URL as it was written. As text it does not show what
// may be a secret that somebody put there.
type bucketText string

var (
	bucketUser = regexp.MustCompile(`//([^/:@]*):[^/@]*@|%40|//[^/@]*@`)
	// bucketValue is an option with its value.
	bucketValue = regexp.MustCompile(`([?&])([^=&]*)=([^&]*)`)
)

func (t bucketText) String() string {
	known := append([]string{"region", "endpoint", "path_style", "tls"}, termOptions...)
	text := bucketValue.ReplaceAllStringFunc(string(t), func(option string) string {
		parts := bucketValue.FindStringSubmatch(option)
		if slices.Contains(known, parts[2]) && !bucketUser.MatchString(parts[3]) {
			return option
		}
		return parts[1] + parts[2] + "=xxxxx"
	})
	return bucketUser.ReplaceAllString(text, "//${1}:xxxxx@")
}

func parseS3(s bucketText) (bucket, error) {
	u, query, err := parseStoreURL(s, append([]string{"region", "endpoint", "path_style"}, termOptions...)...)
	if err != nil {
		return bucket{}, err
	}
	b := bucket{Scheme: schemeS3, Name: u.Host, Region: query.Get("region"), Endpoint: query.Get("endpoint")}
	if b.Prefix, err = bucketPrefix(s, u.Path); err != nil {
		return bucket{}, err
	}
	if b.Terms, err = parseTerms(s, query); err != nil {
		return bucket{}, err
	}
	if b.PathStyle, err = queryBool(s, query, "path_style", b.Endpoint != ""); err != nil {
		return bucket{}, err
	}
	if b.Endpoint != "" && !isHTTP(b.Endpoint) {
		return bucket{}, fmt.Errorf("bucket %q: endpoint: write https://host:port", s)
	}
	return b, checkBucketName(s, b.Name)
}

func parseMinio(s bucketText) (bucket, error) {
	u, query, err := parseStoreURL(s, append([]string{"tls", "region"}, termOptions...)...)
	if err != nil {
		return bucket{}, err
	}
	name, prefix, _ := strings.Cut(strings.TrimPrefix(u.Path, "/"), "/")
	b := bucket{Scheme: schemeMinio, Host: u.Host, Name: name, Region: query.Get("region")}
	if b.Prefix, err = bucketPrefix(s, prefix); err != nil {
		return bucket{}, err
	}
	if b.Terms, err = parseTerms(s, query); err != nil {
		return bucket{}, err
	}
	if b.TLS, err = queryBool(s, query, "tls", false); err != nil {
		return bucket{}, err
	}
	return b, checkBucketName(s, name)
}

func parseStoreURL(s bucketText, known ...string) (*url.URL, url.Values, error) {
	u, err := url.Parse(string(s))
	if err != nil { // whose text may have a password
		return nil, nil, fmt.Errorf("bucket: is no URL: write s3://name/prefix?region=REGION or minio://host:port/name/prefix")
	}
	if u.User != nil {
		return nil, nil, fmt.Errorf("bucket %q: credentials do not stand here; the SDK finds them in the environment", s)
	}
	if u.Host == "" || u.Fragment != "" || u.Opaque != "" {
		return nil, nil, fmt.Errorf("bucket %q: the name is missing: write %s", s, map[string]string{
			schemeS3: "s3://name/prefix", schemeMinio: "minio://host:port/name/prefix"}[u.Scheme])
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil { // as above
		return nil, nil, fmt.Errorf("bucket %q: its options are not written as name=value&name=value, with %%2F for /", s)
	}
	for _, key := range sortedKeys(query) {
		if !slices.Contains(known, key) {
			return nil, nil, fmt.Errorf("bucket %q: unknown option %q%s; there are: %s", s, key, didYouMean(key, known), strings.Join(known, ", "))
		}
		if len(query[key]) > 1 {
			return nil, nil, fmt.Errorf("bucket %q: option %q is there twice", s, key)
		}
	}
	return u, query, nil
}

func bucketPrefix(s bucketText, path string) (string, error) {
	prefix := strings.Trim(path, "/")
	if prefix == "" {
		return "", nil
	}
	if _, err := layout.CleanPath(prefix); err != nil {
		return "", fmt.Errorf("bucket %q: prefix: %w", s, err)
	}
	return prefix, nil
}

func queryBool(s bucketText, query url.Values, key string, otherwise bool) (bool, error) {
	switch query.Get(key) {
	case "":
		return otherwise, nil
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, fmt.Errorf("bucket %q: %s: write true or false", s, key)
}

// checkBucketName knows the least that all S3 stores ask of a name.
func checkBucketName(s bucketText, name string) error {
	if len(name) < 3 || len(name) > 63 || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789.-") != "" {
		return fmt.Errorf("bucket %q: the bucket's name is 3 to 63 of a-z, 0-9, dot and hyphen", s)
	}
	return nil
}

func isHTTP(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && u.User == nil
}

// under returns path, which is relative to dir where it is relative.
func under(dir, path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(dir, path)
}
