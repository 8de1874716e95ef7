package cloudfront

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront/types"
	kvs "github.com/aws/aws-sdk-go-v2/service/cloudfrontkeyvaluestore"
	kvstypes "github.com/aws/aws-sdk-go-v2/service/cloudfrontkeyvaluestore/types"
	"github.com/aws/smithy-go"

	"datestone/publish"
)

// Config says which Function, and how to get there. Credentials and endpoints
// are the SDK's own.
type Config struct {
	Function string // its name
	Store    string // name of the KeyValueStore; that of the Function if empty
	// Poll is how long to wait between looks at what takes its time; 5 s if zero.
	Poll time.Duration
	// Client sends the requests; the SDK's own if nil.
	Client interface {
		Do(*http.Request) (*http.Response, error)
	}
}

// An Edge is one Function and its KeyValueStore.
type Edge struct {
	control  *cloudfront.Client
	data     *kvs.Client
	function string
	store    string
	poll     time.Duration
}

const (
	defaultPoll   = 5 * time.Second
	defaultRegion = "us-east-1"
)

// New returns the edge of cfg. It sends nothing.
func New(ctx context.Context, cfg Config) (*Edge, error) {
	if cfg.Function == "" {
		return nil, errors.New("open CloudFront: no Function is named")
	}
	loaded, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return nil, fmt.Errorf("open CloudFront: %w", err)
	}
	if cfg.Client != nil {
		loaded.HTTPClient = cfg.Client
	}
	// Both are global services; a region is wanted all the same, to sign for
	// and to get temporary credentials from.
	loaded.Region = cmp.Or(loaded.Region, defaultRegion)
	return &Edge{control: cloudfront.NewFromConfig(loaded), data: kvs.NewFromConfig(loaded),
		function: cfg.Function, store: cmp.Or(cfg.Store, cfg.Function), poll: cmp.Or(cfg.Poll, defaultPoll)}, nil
}

// A State is what was read of an edge, with the tags to write under.
type State struct {
	Live []byte            // the code in force; nil where none was published
	Keys map[string]string // of the store; nil where there is none

	liveReads   string // the ARN of the store that the code in force reads
	draft       []byte
	draftReads  string
	functionTag string // of the draft; empty where there is no Function
	storeARN    string // empty where there is no store
	keysTag     string
}

// Read reads what is there. Nothing that is written later goes through when it
// changed meanwhile.
func (e *Edge) Read(ctx context.Context) (State, error) {
	var s State
	err := e.readFunction(ctx, &s)
	if err == nil {
		err = e.readStore(ctx, &s)
	}
	if err != nil {
		return State{}, err
	}
	return s, nil
}

func (e *Edge) readFunction(ctx context.Context, s *State) (err error) {
	if s.draft, s.draftReads, s.functionTag, err = e.stage(ctx, types.FunctionStageDevelopment); err != nil {
		return err
	}
	s.Live, s.liveReads, _, err = e.stage(ctx, types.FunctionStageLive)
	return err
}

// stage reads one stage of the Function; nothing where there is none.
func (e *Edge) stage(ctx context.Context, stage types.FunctionStage) (code []byte, reads, tag string, err error) {
	var missing *types.NoSuchFunctionExists
	got, err := e.control.GetFunction(ctx, &cloudfront.GetFunctionInput{Name: &e.function, Stage: stage})
	if errors.As(err, &missing) {
		return nil, "", "", nil
	}
	if err != nil {
		return nil, "", "", fmt.Errorf("read Function %q: %w", e.function, plain(err))
	}
	about, err := e.control.DescribeFunction(ctx, &cloudfront.DescribeFunctionInput{Name: &e.function, Stage: stage})
	if err != nil {
		return nil, "", "", fmt.Errorf("describe Function %q: %w", e.function, plain(err))
	}
	if a, b := aws.ToString(got.ETag), aws.ToString(about.ETag); a != b {
		return nil, "", "", fmt.Errorf("read Function %q: it changed meanwhile: %w", e.function, publish.ErrConflict)
	}
	if c := about.FunctionSummary.FunctionConfig; c != nil && c.KeyValueStoreAssociations != nil {
		for _, a := range c.KeyValueStoreAssociations.Items {
			reads = aws.ToString(a.KeyValueStoreARN)
		}
	}
	return got.FunctionCode, reads, aws.ToString(got.ETag), nil
}

func (e *Edge) readStore(ctx context.Context, s *State) error {
	var missing *types.EntityNotFound
	about, err := e.control.DescribeKeyValueStore(ctx, &cloudfront.DescribeKeyValueStoreInput{Name: &e.store})
	switch {
	case errors.As(err, &missing):
		return nil
	case err != nil:
		return fmt.Errorf("describe KeyValueStore %q: %w", e.store, plain(err))
	}
	return e.readKeys(ctx, s, about.KeyValueStore)
}

// readKeys reads the tag before the keys: what changes while they are listed
// is noticed when they are written.
func (e *Edge) readKeys(ctx context.Context, s *State, store *types.KeyValueStore) error {
	if err := e.storeReady(ctx, store); err != nil {
		return err
	}
	s.storeARN = aws.ToString(store.ARN)
	about, err := e.data.DescribeKeyValueStore(ctx, &kvs.DescribeKeyValueStoreInput{KvsARN: &s.storeARN})
	if err != nil {
		return fmt.Errorf("read KeyValueStore %q: %w", e.store, plain(err))
	}
	s.keysTag, s.Keys = aws.ToString(about.ETag), map[string]string{}
	for pages := kvs.NewListKeysPaginator(e.data, &kvs.ListKeysInput{KvsARN: &s.storeARN}); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("list KeyValueStore %q: %w", e.store, plain(err))
		}
		for _, k := range page.Items {
			s.Keys[aws.ToString(k.Key)] = aws.ToString(k.Value)
		}
	}
	return nil
}

// storeReady waits until a store that was created can be used.
func (e *Edge) storeReady(ctx context.Context, store *types.KeyValueStore) error {
	for aws.ToString(store.Status) == "PROVISIONING" {
		if err := e.wait(ctx); err != nil {
			return err
		}
		about, err := e.control.DescribeKeyValueStore(ctx, &cloudfront.DescribeKeyValueStoreInput{Name: &e.store})
		if err != nil {
			return fmt.Errorf("describe KeyValueStore %q: %w", e.store, plain(err))
		}
		store = about.KeyValueStore
	}
	return nil
}

func (e *Edge) wait(ctx context.Context) error {
	select {
	case <-time.After(e.poll):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// A Pair is an entry of the store.
type Pair struct{ Key, Value string }

// Update writes and deletes keys in one call, after it has created the store
// where there is none.
func (e *Edge) Update(ctx context.Context, s *State, puts []Pair, deletes []string) error {
	if err := e.needStore(ctx, s); err != nil {
		return err
	}
	in := &kvs.UpdateKeysInput{KvsARN: &s.storeARN, IfMatch: &s.keysTag}
	for _, p := range puts {
		in.Puts = append(in.Puts, kvstypes.PutKeyRequestListItem{Key: &p.Key, Value: &p.Value})
	}
	for _, key := range deletes {
		in.Deletes = append(in.Deletes, kvstypes.DeleteKeyRequestListItem{Key: &key})
	}
	out, err := e.data.UpdateKeys(ctx, in)
	if err != nil {
		return fmt.Errorf("update KeyValueStore %q: %w", e.store, plain(err))
	}
	s.keysTag = aws.ToString(out.ETag)
	return nil
}

func (e *Edge) needStore(ctx context.Context, s *State) error {
	if s.storeARN != "" {
		return nil
	}
	out, err := e.control.CreateKeyValueStore(ctx, &cloudfront.CreateKeyValueStoreInput{Name: &e.store, Comment: aws.String(comment)})
	if err != nil {
		return fmt.Errorf("create KeyValueStore %q: %w", e.store, plain(err))
	}
	return e.readKeys(ctx, s, out.KeyValueStore)
}

// comment is what the console shows.
const comment = "redirect rules of datestone"

// Reads reports whether the Function in force reads the store.
func (s *State) Reads() bool { return s.storeARN != "" && s.liveReads == s.storeARN }

// wanted is the store that a Function is to read.
func (s *State) wanted(reads bool) string {
	if reads {
		return s.storeARN
	}
	return ""
}

// Publish puts the code in force, and waits until it is everywhere. It reads
// the store if reads says so, which then must have been written.
func (e *Edge) Publish(ctx context.Context, s *State, code []byte, reads bool) error {
	if s.functionTag == "" || !bytes.Equal(s.draft, code) || s.draftReads != s.wanted(reads) {
		if err := e.draft(ctx, s, code, reads); err != nil {
			return err
		}
	}
	_, err := e.control.PublishFunction(ctx, &cloudfront.PublishFunctionInput{Name: &e.function, IfMatch: &s.functionTag})
	if err != nil {
		return fmt.Errorf("publish Function %q: %w", e.function, plain(err))
	}
	s.Live, s.liveReads = code, s.wanted(reads)
	return e.deployed(ctx)
}

// draft creates or replaces the stage that nobody is answered from.
func (e *Edge) draft(ctx context.Context, s *State, code []byte, reads bool) error {
	about := &types.FunctionConfig{Comment: aws.String(comment), Runtime: types.FunctionRuntimeCloudfrontJs20}
	if arn := s.wanted(reads); arn != "" {
		about.KeyValueStoreAssociations = &types.KeyValueStoreAssociations{Quantity: aws.Int32(1),
			Items: []types.KeyValueStoreAssociation{{KeyValueStoreARN: &arn}}}
	}
	if s.functionTag == "" {
		out, err := e.control.CreateFunction(ctx, &cloudfront.CreateFunctionInput{Name: &e.function, FunctionCode: code, FunctionConfig: about})
		if err != nil {
			return fmt.Errorf("create Function %q: %w", e.function, plain(err))
		}
		s.functionTag = aws.ToString(out.ETag)
	} else {
		out, err := e.control.UpdateFunction(ctx, &cloudfront.UpdateFunctionInput{Name: &e.function, FunctionCode: code, FunctionConfig: about, IfMatch: &s.functionTag})
		if err != nil {
			return fmt.Errorf("update Function %q: %w", e.function, plain(err))
		}
		s.functionTag = aws.ToString(out.ETag)
	}
	s.draft, s.draftReads = code, s.wanted(reads)
	return nil
}

// deployed waits until what was published is in force everywhere.
func (e *Edge) deployed(ctx context.Context) error {
	for {
		out, err := e.control.DescribeFunction(ctx, &cloudfront.DescribeFunctionInput{Name: &e.function, Stage: types.FunctionStageLive})
		if err != nil {
			return fmt.Errorf("describe Function %q: %w", e.function, plain(err))
		}
		if aws.ToString(out.FunctionSummary.Status) != "IN_PROGRESS" {
			return nil
		}
		if err := e.wait(ctx); err != nil {
			return err
		}
	}
}

// plain returns an error of the SDK without what only its authors read. A
// condition that did not hold is publish.ErrConflict.
func plain(err error) error {
	var api smithy.APIError
	if !errors.As(err, &api) {
		return err
	}
	switch api.ErrorCode() {
	case "PreconditionFailed", "InvalidIfMatchVersion", "ConflictException", "FunctionAlreadyExists", "EntityAlreadyExists":
		return fmt.Errorf("%w: %s", publish.ErrConflict, api.ErrorMessage())
	}
	return fmt.Errorf("%s: %s", api.ErrorCode(), api.ErrorMessage())
}
