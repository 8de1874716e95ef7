package s3wire_test

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"strings"
	"syscall"
	"testing"

	"datestone/publish"
	"datestone/publish/internal/s3wire"
)

var sentinels = []error{fs.ErrNotExist, publish.ErrConflict, publish.ErrDigest, publish.ErrSlowDown, publish.ErrTemporary}

// wantKind wants err to be want and none of the other sentinels.
func wantKind(t *testing.T, err, want error) {
	t.Helper()
	for _, s := range sentinels {
		if got := errors.Is(err, s); got != (s == want) {
			t.Errorf("errors.Is(%q, %q) = %v", err, s, got)
		}
	}
}

func place() *s3wire.Place {
	return &s3wire.Place{Bucket: "site", Endpoint: "https://s3.example.org", Credentials: "the access key AKID of a test", Create: "`mkbucket site`"}
}

func TestPlace_Wrap_answers(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name  string
		fault s3wire.Fault
		want  error
		text  string
	}{
		{"a missing object", s3wire.Fault{Status: 404, Code: "NoSuchKey"}, fs.ErrNotExist, "NoSuchKey"},
		{"a missing object by HEAD", s3wire.Fault{Status: 404, Code: "NotFound"}, fs.ErrNotExist, "NotFound"},
		{"a missing bucket is no missing object", s3wire.Fault{Status: 404, Code: "NoSuchBucket"}, nil, "`mkbucket site`"},
		{"a missing bucket by HEAD", s3wire.Fault{Status: 404, Code: "NotFound"}.OfBucket(), nil, "does not exist at https://s3.example.org"},
		{"a 404 that no object explains", s3wire.Fault{Status: 404, Code: "NoSuchWebsite"}, nil, "NoSuchWebsite"},
		{"an access key that versitygw does not know", s3wire.Fault{Status: 404, Code: "XAdminUserNotFound"}, nil, "access denied to bucket \"site\""},
		{"an upload that was tidied away", s3wire.Fault{Status: 404, Code: "NoSuchUpload"}, publish.ErrTemporary, "NoSuchUpload"},
		{"a condition that does not hold", s3wire.Fault{Status: 412, Code: "PreconditionFailed"}, publish.ErrConflict, "PreconditionFailed"},
		{"a 412 without a code", s3wire.Fault{Status: 412}, publish.ErrConflict, "status 412"},
		{"a race of two conditions", s3wire.Fault{Status: 409, Code: "ConditionalRequestConflict"}, publish.ErrConflict, ""},
		{"another 409", s3wire.Fault{Status: 409, Code: "OperationAborted"}, publish.ErrTemporary, ""},
		{"a bucket being deleted", s3wire.Fault{Status: 409, Code: "InvalidBucketState"}, nil, ""},
		{"other bytes, says Amazon", s3wire.Fault{Status: 400, Code: "BadDigest"}, publish.ErrDigest, ""},
		{"other bytes, says MinIO", s3wire.Fault{Status: 400, Code: "XAmzContentChecksumMismatch"}, publish.ErrDigest, ""},
		{"fewer bytes", s3wire.Fault{Status: 400, Code: "IncompleteBody"}, publish.ErrDigest, ""},
		{"too many requests", s3wire.Fault{Status: 503, Code: "SlowDown"}, publish.ErrSlowDown, ""},
		{"too many requests, by status", s3wire.Fault{Status: 429, Code: "Whatever"}, publish.ErrSlowDown, ""},
		{"a proxy without a server", s3wire.Fault{Status: 502}, publish.ErrTemporary, ""},
		{"a connection that was idle", s3wire.Fault{Status: 400, Code: "RequestTimeout"}, publish.ErrTemporary, ""},
		{"an internal error", s3wire.Fault{Status: 500, Code: "InternalError"}, publish.ErrTemporary, ""},
		{"no access", s3wire.Fault{Status: 403, Code: "AccessDenied"}, nil, "tried the access key AKID of a test"},
		{"a clock that is wrong", s3wire.Fault{Status: 403, Code: "RequestTimeTooSkewed"}, nil, "set its clock"},
		{"another region", s3wire.Fault{Status: 301, Code: "PermanentRedirect", Region: "eu-west-1"}, nil, "set region=eu-west-1"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			err := place().Wrap(t.Context(), "get", "a/b", errors.New("raw"), row.fault)
			wantKind(t, err, row.want)
			if !strings.HasPrefix(err.Error(), `get "a/b": `) || !strings.Contains(err.Error(), row.text) {
				t.Errorf("text = %q, want the operation, the key, and %q", err, row.text)
			}
		})
	}
}

func TestPlace_Wrap_noAnswer(t *testing.T) {
	t.Parallel()
	const secret = "X-Amz-Signature=abc"
	for _, row := range []struct {
		name string
		err  error
		want error
	}{
		{"a connection that was reset", syscall.ECONNRESET, publish.ErrTemporary},
		{"a server that is not there", syscall.ECONNREFUSED, publish.ErrTemporary},
		{"an answer that ends early", io.ErrUnexpectedEOF, publish.ErrTemporary},
		{"a certificate nobody knows", x509.UnknownAuthorityError{}, nil},
		{"a request that can't be made", errors.New("invalid header"), nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			raw := fmt.Errorf("sdk: %w", &url.Error{Op: "Put", URL: "https://s3.example.org/site/a?" + secret, Err: row.err})
			err := place().Wrap(t.Context(), "put", "a", raw, s3wire.Fault{})
			wantKind(t, err, row.want)
			if !errors.Is(err, row.err) && row.name != "a certificate nobody knows" {
				t.Errorf("errors.Is(%q, %q) is false", err, row.err)
			}
			if strings.Contains(err.Error(), secret) {
				t.Errorf("text = %q has the query of the URL", err)
			}
		})
	}
}

func TestPlace_Wrap_ended(t *testing.T) {
	t.Parallel()
	cause := errors.New("the user has had enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	err := place().Wrap(ctx, "put", "a", syscall.ECONNRESET, s3wire.Fault{})
	if !errors.Is(err, cause) {
		t.Errorf("Wrap = %v, want the cause", err)
	}
	wantKind(t, err, nil)
	// An answer that came before the end is still the answer.
	wantKind(t, place().Wrap(ctx, "put", "a", errors.New("raw"), s3wire.Fault{Status: 412}), publish.ErrConflict)
}

func ExampleDescribeKey() {
	fmt.Println(s3wire.DescribeKey("AKIAIOSFODNN7EXAMPLE", "EnvConfigCredentials"))
	// Output: the access key AKIA… of EnvConfigCredentials
}

func ExampleJoin() {
	var errs []error
	for n := range 1000 {
		errs = append(errs, fmt.Errorf("delete %d: %w", n, publish.ErrSlowDown))
	}
	err := s3wire.Join(errs)
	fmt.Println(strings.Count(err.Error(), "\n"), strings.HasSuffix(err.Error(), "and 995 more"), errors.Is(err, publish.ErrSlowDown))
	// Output: 5 true true
}
