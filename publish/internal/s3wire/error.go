package s3wire

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/url"
	"syscall"

	"datestone/publish"
)

// A Fault is a store's refusal. Status is zero where the store did not answer.
type Fault struct {
	Status        int
	Code, Message string
	Region        string // where the bucket is, if the store says so
}

// An Error is a failed call. Its text has neither URLs with their queries nor
// credentials, which the texts of both SDKs may have.
type Error struct {
	Op, Key string
	Fault   Fault
	text    string
	kind    error // one of publish.Err…, fs.ErrNotExist, or nil
	cause   error
}

func (e *Error) Error() string {
	if e.Key == "" {
		return e.Op + ": " + e.text
	}
	return fmt.Sprintf("%s %q: %s", e.Op, e.Key, e.text)
}

// Unwrap returns what the failure means, and what the SDK said.
func (e *Error) Unwrap() []error {
	if e.kind == nil {
		return []error{e.cause}
	}
	return []error{e.kind, e.cause}
}

// kindByCode is what a code means to a caller. A code that is absent means
// what its status does.
var kindByCode = map[string]error{
	"NoSuchKey": fs.ErrNotExist,
	// HEAD has no body, so its code is made of the status.
	"NotFound": fs.ErrNotExist,

	"PreconditionFailed":         publish.ErrConflict,
	"ConditionalRequestConflict": publish.ErrConflict,

	"BadDigest":                   publish.ErrDigest,
	"InvalidDigest":               publish.ErrDigest,
	"IncompleteBody":              publish.ErrDigest,
	"XAmzContentSHA256Mismatch":   publish.ErrDigest,
	"XAmzContentChecksumMismatch": publish.ErrDigest,

	"SlowDown":               publish.ErrSlowDown,
	"SlowDownRead":           publish.ErrSlowDown,
	"SlowDownWrite":          publish.ErrSlowDown,
	"ServiceUnavailable":     publish.ErrSlowDown,
	"RequestLimitExceeded":   publish.ErrSlowDown,
	"TooManyRequests":        publish.ErrSlowDown,
	"ThrottlingException":    publish.ErrSlowDown,
	"Throttling":             publish.ErrSlowDown,
	"BandwidthLimitExceeded": publish.ErrSlowDown,

	"InternalError":    publish.ErrTemporary,
	"OperationAborted": publish.ErrTemporary,
	// A connection that was idle too long, with status 400.
	"RequestTimeout": publish.ErrTemporary,
	// Someone tidied our unfinished upload away: begin again.
	"NoSuchUpload": publish.ErrTemporary,

	"NoSuchBucket": nil,
}

// Kind returns what f means to a caller: an error of package publish,
// fs.ErrNotExist, or nil.
func (f Fault) Kind() error {
	if kind, ok := kindByCode[f.Code]; ok {
		return kind
	}
	switch f.Status {
	case 412:
		return publish.ErrConflict
	case 429, 503:
		return publish.ErrSlowDown
	case 408, 500, 502, 504:
		return publish.ErrTemporary
	}
	return nil
}

// OfBucket returns f as the answer to a HEAD of the bucket itself, which has no
// room for a code.
func (f Fault) OfBucket() Fault {
	if f.Status == 404 {
		f.Code = "NoSuchBucket"
	}
	return f
}

// A Place is the bucket a driver speaks to, for messages.
type Place struct {
	Bucket, Endpoint string
	// Credentials says which credentials are in use, without the secret.
	Credentials string
	// Create is the command that makes the bucket.
	Create string
}

// DescribeKey says of an access key which it is, to someone who knows it.
func DescribeKey(id, source string) string {
	const shown = 4
	if len(id) > 2*shown {
		id = id[:shown] + "…"
	}
	return fmt.Sprintf("the access key %s of %s", id, source)
}

// Join returns the errors of many keys as one, without all their texts.
func Join(errs []error) error {
	const most = 5
	if n := len(errs) - most; n > 0 {
		errs = append(errs[:most:most], fmt.Errorf("and %d more", n))
	}
	return errors.Join(errs...)
}

// Wrap returns err with what it means, the operation and the key. When ctx has
// ended and the store did not answer, it is ctx's cause.
func (p *Place) Wrap(ctx context.Context, op, key string, err error, f Fault) error {
	e := &Error{Op: op, Key: key, Fault: f, cause: err}
	switch {
	case f.Status/100 == 2 && f.Code == "" && ctx.Err() == nil: // it broke off, or is what no SDK knows
		e.kind, e.text = publish.ErrTemporary, fmt.Sprintf("can't read the answer of %s: %v", p.Endpoint, bare(err))
	case f.Status/100 != 2 && f.Status != 0, f.Code != "":
		e.kind, e.text = f.Kind(), p.refusal(f)
	case ctx.Err() != nil:
		e.cause = context.Cause(ctx)
		e.text = e.cause.Error()
	case isNetwork(err):
		e.kind, e.text = publish.ErrTemporary, fmt.Sprintf("can't reach %s: %v", p.Endpoint, bare(err))
	default:
		e.text = bare(err).Error()
	}
	return e
}

// refusal says what the store answered, and where a person has to act, how.
func (p *Place) refusal(f Fault) string {
	answer := f.Code
	if answer == "" {
		answer = fmt.Sprintf("status %d", f.Status)
	}
	switch f.Code {
	case "NoSuchBucket":
		return fmt.Sprintf("bucket %q does not exist at %s: create it with %s", p.Bucket, p.Endpoint, p.Create)
	case "RequestTimeTooSkewed":
		return fmt.Sprintf("%s refuses the time of this machine: set its clock (%s)", p.Endpoint, answer)
	case "PermanentRedirect", "AuthorizationHeaderMalformed", "InvalidRegion", "MovedPermanently":
		return p.elsewhere(f, answer)
	}
	// versitygw says of an access key that it does not know: 404.
	if f.Status == 401 || f.Status == 403 || f.Code == "XAdminUserNotFound" {
		return fmt.Sprintf("access denied to bucket %q at %s (%s): tried %s; check them, and that they may list, read, write and delete in this bucket",
			p.Bucket, p.Endpoint, answer, p.Credentials)
	}
	if f.Message == "" || f.Message == answer {
		return "the store answers " + answer
	}
	return fmt.Sprintf("the store answers %s: %s", answer, f.Message)
}

func (p *Place) elsewhere(f Fault, answer string) string {
	if f.Region == "" {
		return fmt.Sprintf("bucket %q is in another region than the one configured: set its region (%s: %s)", p.Bucket, answer, f.Message)
	}
	return fmt.Sprintf("bucket %q is in the region %s: set region=%s", p.Bucket, f.Region, f.Region)
}

// isNetwork reports whether err comes from a connection and may be gone at the
// next attempt. A certificate that is not trusted stays untrusted.
func isNetwork(err error) bool {
	// The *url.Error around it says of all errors that they are the network's.
	err = bare(err)
	var unknown x509.UnknownAuthorityError
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	var record tls.RecordHeaderError
	if errors.As(err, &unknown) || errors.As(err, &host) || errors.As(err, &invalid) || errors.As(err, &record) {
		return false
	}
	var ne net.Error
	return errors.As(err, &ne) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) || errors.Is(err, net.ErrClosed)
}

// bare returns err without the URL that net/http puts around it.
func bare(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// WrapBody returns what was wrong with the content of a put, which is an error
// of whoever opened it and means what they say.
func (p *Place) WrapBody(ctx context.Context, key string, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("put %q: %w (%w)", key, context.Cause(ctx), err)
	}
	return fmt.Errorf("put %q: its content: %w", key, err)
}
