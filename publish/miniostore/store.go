package miniostore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"datestone/publish"
	"datestone/publish/internal/s3wire"
)

// Config says which bucket, and how to speak to it.
type Config struct {
	Bucket string
	// Prefix stands before all keys; slashes around it do not matter.
	Prefix string
	// Region of the bucket; us-east-1 if empty, which is what a server has
	// that was told of none.
	Region string
	// Endpoint is the server, as host:port or host.
	Endpoint string
	// Secure speaks https.
	Secure bool
	// PathStyle names the bucket in the path, not in the host; without it
	// minio-go decides by the endpoint.
	PathStyle bool
	// Jobs is how many calls run at once, for connections to stay open; 32 if zero.
	Jobs int
	// PartSize is the size of the parts of a large object; 16 MiB if zero.
	PartSize int64
	// MultipartAbove is the size above which an object goes up in parts; 64 MiB if zero.
	MultipartAbove int64
	// CopyAbove is the size above which an object is copied in parts; 5 GiB,
	// the most that one request copies, if zero.
	CopyAbove int64
	// Terms are what the store is asked for with each object.
	Terms publish.Terms
	// Lazy leaves out the request by which New sees that the bucket is there:
	// the first call says then what is wrong.
	Lazy bool
}

// A Store is a bucket, or the part of one below a prefix. It implements
// publish.Store, Linker, Deleter, Purger and Clock. What it wrote is durable.
type Store struct {
	core   *minio.Core
	bucket string
	prefix s3wire.Prefix
	place  *s3wire.Place
	writer *s3wire.Writer
	terms  publish.Terms
}

var (
	_ publish.Store   = (*Store)(nil)
	_ publish.Linker  = (*Store)(nil)
	_ publish.Deleter = (*Store)(nil)
	_ publish.Clock   = (*Store)(nil)
	_ publish.Purger  = (*Store)(nil)
)

const (
	defaultJobs   = 32
	defaultRegion = "us-east-1"
)

// New returns the store of cfg, after it has seen that the bucket is there and
// lets us in. Its errors say what to do.
func New(ctx context.Context, cfg Config) (*Store, error) {
	prefix, err := s3wire.NewPrefix(cfg.Prefix)
	if err != nil {
		return nil, err
	}
	if cfg.Bucket == "" {
		return nil, errors.New("open minio store: no bucket is named")
	}
	creds, described, err := findCredentials()
	if err != nil {
		return nil, fmt.Errorf("open minio store: %w", err)
	}
	core, err := minio.NewCore(cfg.Endpoint, options(cfg, creds))
	if err != nil {
		return nil, fmt.Errorf("open minio store at %q: %w", cfg.Endpoint, err)
	}
	endpoint := core.EndpointURL().Redacted()
	s := &Store{
		core: core, bucket: cfg.Bucket, prefix: prefix, terms: cfg.Terms,
		place: &s3wire.Place{
			Bucket: cfg.Bucket, Endpoint: endpoint, Credentials: described,
			Create: fmt.Sprintf("`mc mb ALIAS/%s`, ALIAS being what `mc alias set` calls %s", cfg.Bucket, endpoint),
		},
	}
	s.writer = s3wire.NewWriter(calls{s}, s.place, s3wire.Sizes{
		Part: cfg.PartSize, MultipartAbove: cfg.MultipartAbove, CopyAbove: cfg.CopyAbove,
	})
	if cfg.Lazy {
		return s, nil
	}
	if err := s.check(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

func options(cfg Config, creds *credentials.Credentials) *minio.Options {
	tr := &http.Transport{Proxy: http.ProxyFromEnvironment, TLSHandshakeTimeout: 10 * time.Second, IdleConnTimeout: 90 * time.Second}
	s3wire.Tune(tr, cmp.Or(cfg.Jobs, defaultJobs))
	o := &minio.Options{
		Creds: creds, Secure: cfg.Secure, Transport: dated{tr}, MaxRetries: 1,
		// With a region minio-go does not ask for it.
		Region: cmp.Or(cfg.Region, defaultRegion),
	}
	if cfg.PathStyle {
		o.BucketLookup = minio.BucketLookupPath
	}
	return o
}

// check asks for a list: it names what is wrong, which HEAD has no room for,
// and without the right to list S3 says 403 of what is only missing.
func (s *Store) check(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for o := range s.core.ListObjectsIter(ctx, s.bucket, minio.ListObjectsOptions{Prefix: string(s.prefix), Recursive: true, MaxKeys: 1}) {
		if o.Err != nil {
			return s.wrap(ctx, "open minio store", "", o.Err)
		}
		break
	}
	return nil
}

// Now returns the store's time.
func (s *Store) Now(ctx context.Context) (time.Time, error) {
	const op = "ask for the time"
	var date string
	ok, err := s.core.BucketExists(context.WithValue(ctx, dateKey{}, &date), s.bucket)
	if err != nil {
		return time.Time{}, s.wrap(ctx, op, "", err)
	}
	if !ok {
		return time.Time{}, s.noBucket(ctx, op, "")
	}
	now, err := http.ParseTime(date)
	if err != nil {
		return time.Time{}, fmt.Errorf("%s: %w", op, err)
	}
	return now.UTC(), nil
}

// noBucket is the error of a bucket that is not there; the SDK has none.
func (s *Store) noBucket(ctx context.Context, op, key string) error {
	return s.place.Wrap(ctx, op, key, errors.New("no such bucket"), s3wire.Fault{Status: http.StatusNotFound}.OfBucket())
}

// dated hands the Date header of an answer to whoever asked for it in the
// context; minio-go keeps it to itself.
type dated struct{ http.RoundTripper }

type dateKey struct{}

func (d dated) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := d.RoundTripper.RoundTrip(req)
	if date, ok := req.Context().Value(dateKey{}).(*string); ok && err == nil {
		*date = resp.Header.Get("Date")
	}
	if errors.Is(err, io.EOF) {
		err = lost{err}
	}
	return resp, err
}

// lost is a connection that the server closed. minio-go knows these by the
// text "EOF", and puts an error in their place that says nothing to a program.
type lost struct{ error }

func (lost) Error() string { return "the server closed the connection" }

func (l lost) Unwrap() error { return l.error }

// wrap says what err means; key is without the prefix.
func (s *Store) wrap(ctx context.Context, op, key string, err error) error {
	return s.place.Wrap(ctx, op, key, err, fault(err))
}

// fault returns what the store answered.
func fault(err error) s3wire.Fault {
	var resp minio.ErrorResponse
	if !errors.As(err, &resp) {
		return s3wire.Fault{}
	}
	f := s3wire.Fault{Status: resp.StatusCode, Code: resp.Code, Message: resp.Message, Region: resp.Region}
	if f.Status == http.StatusOK || f.Status == 0 && f.Code != "" {
		// An error inside a 200: the store began to answer too early.
		f.Status = http.StatusInternalServerError
	}
	return f
}
