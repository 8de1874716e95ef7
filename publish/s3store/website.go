package s3store

import (
	"context"
	"fmt"
	"io/fs"
	"net/http"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"datestone/layout"
)

// Website implements publish.WebsiteSetter.
func (s *Store) Website(ctx context.Context) (layout.Website, error) {
	out, err := s.client.GetBucketWebsite(ctx, &s3.GetBucketWebsiteInput{Bucket: &s.bucket})
	if err != nil {
		f := fault(err)
		if f.Code == "NoSuchWebsiteConfiguration" {
			return layout.Website{}, &fs.PathError{Op: "read website configuration", Path: s.bucket, Err: fs.ErrNotExist}
		}
		return layout.Website{}, s.place.Wrap(ctx, "read website configuration", "", err, f.OfBucket())
	}
	var w layout.Website
	if out.IndexDocument != nil {
		w.IndexDocument = aws.ToString(out.IndexDocument.Suffix)
	}
	if out.ErrorDocument != nil {
		w.Others = append(w.Others, "ErrorDocument")
	}
	if out.RedirectAllRequestsTo != nil {
		w.Others = append(w.Others, "RedirectAllRequestsTo")
	}
	for _, r := range out.RoutingRules {
		w.RoutingRules = append(w.RoutingRules, fromRule(r))
	}
	return w, nil
}

func fromRule(r types.RoutingRule) layout.RoutingRule {
	var rule layout.RoutingRule
	if c := r.Condition; c != nil {
		rule.Condition = layout.RoutingCondition{
			HTTPErrorCode: aws.ToString(c.HttpErrorCodeReturnedEquals), KeyPrefix: aws.ToString(c.KeyPrefixEquals),
		}
	}
	if to := r.Redirect; to != nil {
		rule.Redirect = layout.RoutingRedirect{
			HostName: aws.ToString(to.HostName), HTTPRedirectCode: aws.ToString(to.HttpRedirectCode), Protocol: string(to.Protocol),
			ReplaceKeyPrefix: aws.ToString(to.ReplaceKeyPrefixWith), ReplaceKey: aws.ToString(to.ReplaceKeyWith),
		}
	}
	return rule
}

// SetWebsite implements publish.WebsiteSetter.
func (s *Store) SetWebsite(ctx context.Context, w layout.Website) error {
	cfg := &types.WebsiteConfiguration{IndexDocument: &types.IndexDocument{Suffix: &w.IndexDocument}}
	for _, r := range w.RoutingRules {
		cfg.RoutingRules = append(cfg.RoutingRules, toRule(r))
	}
	_, err := s.client.PutBucketWebsite(ctx, &s3.PutBucketWebsiteInput{Bucket: &s.bucket, WebsiteConfiguration: cfg}, withMD5)
	if err != nil {
		f := fault(err).OfBucket()
		err = s.place.Wrap(ctx, "write website configuration", "", err, f)
		if slices.Contains(notKnown, f.Code) {
			err = fmt.Errorf("%w: so does a server, such as MinIO, that serves no web sites: it needs a web server in front, and no push", err)
		}
		return err
	}
	return nil
}

// notKnown is what servers answer that do not know the call; MinIO takes it for
// that which makes a bucket.
var notKnown = []string{"MalformedXML", "MethodNotAllowed", "NotImplemented"}

func toRule(r layout.RoutingRule) types.RoutingRule {
	rule := types.RoutingRule{Redirect: &types.Redirect{
		HostName: text(r.Redirect.HostName), HttpRedirectCode: text(r.Redirect.HTTPRedirectCode), Protocol: types.Protocol(r.Redirect.Protocol),
		ReplaceKeyPrefixWith: text(r.Redirect.ReplaceKeyPrefix), ReplaceKeyWith: text(r.Redirect.ReplaceKey),
	}}
	if r.Condition != (layout.RoutingCondition{}) {
		rule.Condition = &types.Condition{
			HttpErrorCodeReturnedEquals: text(r.Condition.HTTPErrorCode), KeyPrefixEquals: text(r.Condition.KeyPrefix),
		}
	}
	return rule
}

// SetRedirection implements publish.WebsiteSetter.
func (s *Store) SetRedirection(ctx context.Context, r layout.Redirection) error {
	h := layout.HeaderFor(layout.Listing, r.Key)
	_, err := s.client.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &s.bucket, Key: &r.Key, Body: http.NoBody, ContentLength: aws.Int64(0), WebsiteRedirectLocation: &r.Location,
		ContentType: text(h.ContentType), CacheControl: text(h.CacheControl),
	})
	if err != nil {
		return s.wrap(ctx, "put redirection", r.Key, err)
	}
	return nil
}

// RemoveRedirections implements publish.WebsiteSetter.
func (s *Store) RemoveRedirections(ctx context.Context, keys ...string) error {
	return s.deleteAll(ctx, keys)
}
