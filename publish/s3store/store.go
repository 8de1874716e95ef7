package s3store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/logging"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"datestone/publish"
	"datestone/publish/internal/s3wire"
)

// Config says which bucket, and how to speak to it.
type Config struct {
	Bucket string
	// Prefix stands before all keys; slashes around it do not matter.
	Prefix string
	// Region of the bucket; if empty the SDK's, or else us-east-1.
	Region string
	// Endpoint is the URL of another S3 than Amazon's; if empty the SDK's
	// (AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL, the profile).
	Endpoint string
	// PathStyle names the bucket in the path, not in the host. It is implied
	// by an endpoint whose host has no dot, and by one that is an address.
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
// publish.Store, Linker, Deleter, Purger, Clock and WebsiteSetter. What it wrote is
// durable.
type Store struct {
	client *s3.Client
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

	_ publish.WebsiteSetter = (*Store)(nil)
)

const defaultJobs = 32

// New returns the store of cfg, after it has seen that the bucket is there and
// lets us in. Its errors say what to do.
func New(ctx context.Context, cfg Config) (*Store, error) {
	prefix, err := s3wire.NewPrefix(cfg.Prefix)
	if err != nil {
		return nil, err
	}
	if cfg.Bucket == "" {
		return nil, errors.New("open s3 store: no bucket is named")
	}
	loaded, err := load(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("open s3 store: %w", err)
	}
	client := s3.NewFromConfig(loaded, options(cfg))
	s := &Store{
		client: client, bucket: cfg.Bucket, prefix: prefix, terms: cfg.Terms,
		place: &s3wire.Place{Bucket: cfg.Bucket},
	}
	s.writer = s3wire.NewWriter(calls{s}, s.place, s3wire.Sizes{
		Part: cfg.PartSize, MultipartAbove: cfg.MultipartAbove, CopyAbove: cfg.CopyAbove,
	})
	s.describe(client.Options())
	if err := s.describeCredentials(ctx, client.Options().Credentials); err != nil {
		return nil, err
	}
	if cfg.Lazy {
		return s, nil
	}
	if err := s.check(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

// load reads the SDK's configuration.
func load(ctx context.Context, cfg Config) (aws.Config, error) {
	jobs := cmp.Or(cfg.Jobs, defaultJobs)
	transport := awshttp.NewBuildableClient().WithTransportOptions(func(tr *http.Transport) { s3wire.Tune(tr, jobs) })
	loaded, err := config.LoadDefaultConfig(ctx,
		config.WithHTTPClient(transport),
		config.WithRetryer(func() aws.Retryer { return aws.NopRetryer{} }),
		config.WithRequestChecksumCalculation(aws.RequestChecksumCalculationWhenRequired),
		config.WithResponseChecksumValidation(aws.ResponseChecksumValidationWhenRequired),
		config.WithLogger(logging.Nop{}),
	)
	loaded.Region = cmp.Or(cfg.Region, loaded.Region, "us-east-1")
	return loaded, err
}

func options(cfg Config) func(*s3.Options) {
	return func(o *s3.Options) {
		if cfg.Endpoint != "" {
			o.BaseEndpoint = aws.String(cfg.Endpoint)
		}
		o.UsePathStyle = cfg.PathStyle || o.BaseEndpoint != nil && hasNoDot(*o.BaseEndpoint)
		// A wait for "100 Continue" costs a round trip of each large upload.
		o.ContinueHeaderThresholdBytes = -1
		o.DisableLogOutputChecksumValidationSkipped = true
	}
}

func hasNoDot(endpoint string) bool {
	u, err := url.Parse(endpoint)
	return err == nil && !strings.Contains(u.Hostname(), ".")
}

// describe notes what messages say of the bucket.
func (s *Store) describe(o s3.Options) {
	if o.BaseEndpoint == nil {
		s.place.Endpoint = "Amazon S3, region " + o.Region
		s.place.Create = fmt.Sprintf("`aws s3 mb s3://%s --region %s`", s.bucket, o.Region)
		return
	}
	s.place.Endpoint = *o.BaseEndpoint
	if u, err := url.Parse(s.place.Endpoint); err == nil {
		s.place.Endpoint = u.Redacted()
	}
	s.place.Create = fmt.Sprintf("`aws s3 mb s3://%s --endpoint-url %s`", s.bucket, s.place.Endpoint)
}

// describeCredentials refuses to go on without any: what is published is not
// published by everyone.
func (s *Store) describeCredentials(ctx context.Context, from aws.CredentialsProvider) error {
	const tried = "AWS_ACCESS_KEY_ID, the profile (AWS_PROFILE, ~/.aws), web identity, and the role of the container or machine"
	if from == nil {
		return fmt.Errorf("open s3 store: no credentials found: tried %s", tried)
	}
	got, err := from.Retrieve(ctx)
	if err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return fmt.Errorf("open s3 store: no credentials found: tried %s: %w", tried, err)
	}
	s.place.Credentials = s3wire.DescribeKey(got.AccessKeyID, got.Source)
	return nil
}

// check asks for a list: it names what is wrong, which HEAD has no room for,
// and without the right to list S3 says 403 of what is only missing.
func (s *Store) check(ctx context.Context) error {
	_, err := s.client.ListObjectsV2(ctx, &s3.ListObjectsV2Input{
		Bucket: &s.bucket, Prefix: aws.String(string(s.prefix)), MaxKeys: aws.Int32(1),
	})
	if err != nil {
		return s.wrap(ctx, "open s3 store", "", err)
	}
	return nil
}

// Now returns the store's time.
func (s *Store) Now(ctx context.Context) (time.Time, error) {
	out, err := s.client.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &s.bucket})
	if err != nil {
		return time.Time{}, s.place.Wrap(ctx, "ask for the time", "", err, fault(err).OfBucket())
	}
	resp, ok := awsmiddleware.GetRawResponse(out.ResultMetadata).(*smithyhttp.Response)
	if !ok {
		return time.Time{}, errors.New("ask for the time: the answer has no header")
	}
	now, err := http.ParseTime(resp.Header.Get("Date"))
	if err != nil {
		return time.Time{}, fmt.Errorf("ask for the time: %w", err)
	}
	return now.UTC(), nil
}

// wrap says what err means; key is without the prefix.
func (s *Store) wrap(ctx context.Context, op, key string, err error) error {
	return s.place.Wrap(ctx, op, key, err, fault(err))
}

// fault returns what the store answered.
func fault(err error) s3wire.Fault {
	var f s3wire.Fault
	var resp *smithyhttp.ResponseError
	if errors.As(err, &resp) && resp.Response != nil && resp.Response.Response != nil {
		f.Status = resp.HTTPStatusCode()
		f.Region = resp.Response.Header.Get("X-Amz-Bucket-Region")
	}
	var api smithy.APIError
	if errors.As(err, &api) && f.Status != 0 {
		f.Code, f.Message = api.ErrorCode(), api.ErrorMessage()
		if f.Status == http.StatusOK {
			// An error inside a 200: the store began to answer too early.
			f.Status = http.StatusInternalServerError
		}
	}
	return f
}
