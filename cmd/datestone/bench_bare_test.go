package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go/logging"
	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"golang.org/x/sync/errgroup"

	"datestone/layout"
	"datestone/publish/storetest/servers"
)

// A bareLoop is a baseline: workers that call an SDK, set up as our driver
// sets it up, and nothing else. No digest is checked, no log, claim or lock
// is written, nothing is tried again.
type bareLoop struct {
	sdk    bareSDK
	remote *benchRemote
	client *http.Client
}

// A bareSDK makes one request a call.
type bareSDK interface {
	put(ctx context.Context, o layout.Object, body io.Reader) error
	copy(ctx context.Context, from string, to layout.Object) error
}

func newBareLoop(sdk bareSDK, remote *benchRemote) bareLoop {
	t := &http.Transport{MaxIdleConnsPerHost: benchWorkers, MaxConnsPerHost: benchWorkers, DisableCompression: true}
	return bareLoop{sdk, remote, &http.Client{Transport: t}}
}

// publish brings a state to the bucket: content from the remote, but what an
// earlier state has is copied on the server; pages from memory.
func (l bareLoop) publish(ctx context.Context, s, before *benchState) error {
	g, ctx := errgroup.WithContext(ctx)
	jobs := make(chan func() error)
	for range benchWorkers {
		g.Go(func() error {
			for job := range jobs {
				if err := job(); err != nil {
					return err
				}
			}
			return nil
		})
	}
	g.Go(func() error {
		defer close(jobs)
		for job := range l.jobs(ctx, s, before) {
			select {
			case jobs <- job:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
		return nil
	})
	return g.Wait()
}

func (l bareLoop) jobs(ctx context.Context, s, before *benchState) func(yield func(func() error) bool) {
	memory := func(o layout.Object, body []byte) func() error {
		return func() error { return l.sdk.put(ctx, o, bytes.NewReader(body)) }
	}
	return func(yield func(func() error) bool) {
		m := layout.NewPage(layout.Content, layout.Key(benchBase, s.id, "PULP_MANIFEST"), s.manifest, 0)
		if !yield(memory(m.Object, s.manifest)) {
			return
		}
		plan := layout.Plan{Base: benchBase, ID: s.id}
		for i, f := range s.files {
			o := plan.Object(f.File)
			job := func() error { return l.bring(ctx, f.Path, o) }
			if before != nil && before.files[i].SHA256 == f.SHA256 {
				job = func() error { return l.sdk.copy(ctx, layout.Key(benchBase, before.id, f.Path), o) }
			}
			if !yield(job) {
				return
			}
		}
		for _, page := range s.pages {
			if !yield(memory(page.Object, page.Body)) {
				return
			}
		}
	}
}

// bring puts a file of the remote, as a stream.
func (l bareLoop) bring(ctx context.Context, path string, o layout.Object) error {
	body, err := l.open(ctx, path)
	if err != nil {
		return err
	}
	defer body.Close()
	return l.sdk.put(ctx, o, struct{ io.Reader }{body})
}

func (l bareLoop) open(ctx context.Context, path string) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, l.remote.URL+layout.URLPath(path), nil)
	if err != nil {
		return nil, err
	}
	resp, err := l.client.Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		resp.Body.Close()
		return nil, fmt.Errorf("get %q: %s", path, resp.Status)
	}
	return resp.Body, nil
}

// benchTransport sets tr up as our drivers do.
func benchTransport(tr *http.Transport) {
	tr.MaxIdleConns, tr.MaxIdleConnsPerHost = 0, 2*benchWorkers
	tr.DisableCompression, tr.ForceAttemptHTTP2 = true, false
	tr.WriteBufferSize, tr.ReadBufferSize = 64<<10, 64<<10
	tr.ExpectContinueTimeout = 0
	tr.DialContext = (&net.Dialer{Timeout: 10 * time.Second}).DialContext
}

func checksum(o layout.Object) string { return base64.StdEncoding.EncodeToString(o.SHA256[:]) }

// A bareS3 is aws-sdk-go-v2.
type bareS3 struct {
	client *s3.Client
	bucket string
}

func newBareS3(b *testing.B, server servers.Server, bucket string) bareSDK {
	cfg, err := awsconfig.LoadDefaultConfig(b.Context(),
		awsconfig.WithHTTPClient(awshttp.NewBuildableClient().WithTransportOptions(benchTransport)),
		awsconfig.WithRetryer(func() aws.Retryer { return aws.NopRetryer{} }),
		awsconfig.WithRequestChecksumCalculation(aws.RequestChecksumCalculationWhenRequired),
		awsconfig.WithResponseChecksumValidation(aws.ResponseChecksumValidationWhenRequired),
		awsconfig.WithLogger(logging.Nop{}))
	must(b, err)
	return bareS3{bucket: bucket, client: s3.NewFromConfig(cfg, func(o *s3.Options) {
		o.BaseEndpoint, o.UsePathStyle, o.ContinueHeaderThresholdBytes = aws.String(server.Endpoint), true, -1
	})}
}

func (s bareS3) put(ctx context.Context, o layout.Object, body io.Reader) error {
	_, err := s.client.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &s.bucket, Key: &o.Key, Body: body, ContentLength: &o.Size, ChecksumSHA256: aws.String(checksum(o)),
		ContentType: &o.Header.ContentType, CacheControl: &o.Header.CacheControl, IfNoneMatch: aws.String("*"),
	}, s3.WithAPIOptions(v4.SwapComputePayloadSHA256ForUnsignedPayloadMiddleware))
	return err
}

func (s bareS3) copy(ctx context.Context, from string, to layout.Object) error {
	_, err := s.client.CopyObject(ctx, &s3.CopyObjectInput{
		Bucket: &s.bucket, Key: &to.Key, CopySource: aws.String(s.bucket + "/" + from), MetadataDirective: types.MetadataDirectiveReplace,
		ContentType: &to.Header.ContentType, CacheControl: &to.Header.CacheControl,
	})
	return err
}

// A bareMinio is minio-go.
type bareMinio struct {
	core   *minio.Core
	bucket string
}

func newBareMinio(b *testing.B, server servers.Server, bucket string) bareSDK {
	tr := &http.Transport{}
	benchTransport(tr)
	core, err := minio.NewCore(server.Host(), &minio.Options{Creds: credentials.NewEnvAWS(), Transport: tr, MaxRetries: 1, Region: "us-east-1"})
	must(b, err)
	return bareMinio{core, bucket}
}

func (s bareMinio) put(ctx context.Context, o layout.Object, body io.Reader) error {
	opts := minio.PutObjectOptions{ContentType: o.Header.ContentType, CacheControl: o.Header.CacheControl, DisableContentSha256: true,
		UserMetadata: map[string]string{"X-Amz-Checksum-Sha256": checksum(o)}}
	opts.SetMatchETagExcept("*")
	_, err := s.core.PutObject(ctx, s.bucket, o.Key, body, o.Size, "", "", opts)
	return err
}

func (s bareMinio) copy(ctx context.Context, from string, to layout.Object) error {
	_, err := s.core.CopyObject(ctx, s.bucket, from, s.bucket, to.Key, map[string]string{
		"X-Amz-Metadata-Directive": "REPLACE", "Content-Type": to.Header.ContentType, "Cache-Control": to.Header.CacheControl,
	}, minio.CopySrcOptions{}, minio.PutObjectOptions{})
	return err
}
