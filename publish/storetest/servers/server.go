package servers

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// The names of the variables that say where the programs are, and whether
// tests may do without them.
const (
	BinVariable     = "DATESTONE_TEST_BIN"
	RequireVariable = "DATESTONE_TEST_REQUIRE"
)

// A Server is a running S3 server.
type Server struct {
	Name     string // of the program, for subtests
	Endpoint string // the URL
	// Website is the address at which buckets are served as web sites, each to
	// requests whose Host is WebsiteHost; none where the server can't.
	Website string
	// AccessKey and SecretKey are in the environment too.
	AccessKey, SecretKey string
}

// Host returns the endpoint as host:port.
func (s Server) Host() string { return strings.TrimPrefix(s.Endpoint, "http://") }

var buckets atomic.Int64

// Bucket returns the name of a new bucket.
func (s Server) Bucket(t testing.TB) string {
	t.Helper()
	name := newBucketName()
	if err := s.makeBucket(t.Context(), name); err != nil {
		t.Fatalf("make bucket %q at %s: %v", name, s.Name, err)
	}
	return name
}

func newBucketName() string { return fmt.Sprintf("test-%d-%d", os.Getpid(), buckets.Add(1)) }

func (s Server) client() (*minio.Client, error) {
	return minio.New(s.Host(), &minio.Options{
		Creds: credentials.NewStaticV4(s.AccessKey, s.SecretKey, ""), Region: region, MaxRetries: 1,
	})
}

func (s Server) makeBucket(ctx context.Context, name string) error {
	c, err := s.client()
	if err != nil {
		return err
	}
	return c.MakeBucket(ctx, name, minio.MakeBucketOptions{Region: region})
}

// WebsiteHost is the Host of requests for the web site of a bucket.
func (s Server) WebsiteHost(bucket string) string { return bucket + "." + websiteDomain }

// Open lets anyone read the objects of a bucket and list them, so that what is
// missing is 404.
func (s Server) Open(t testing.TB, bucket string) {
	t.Helper()
	c, err := s.client()
	if err != nil {
		t.Fatal(err)
	}
	const policy = `{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": ["*"]},
		"Action": ["s3:GetObject", "s3:ListBucket"], "Resource": ["arn:aws:s3:::%[1]s", "arn:aws:s3:::%[1]s/*"]}]}`
	if err := c.SetBucketPolicy(t.Context(), bucket, fmt.Sprintf(policy, bucket)); err != nil {
		t.Fatalf("open bucket %q at %s: %v", bucket, s.Name, err)
	}
}

const (
	websiteDomain = "site.test"

	region    = "us-east-1"
	accessKey = "datestone-test"
	secretKey = "datestone-test-secret"
)

// MinIO returns the running MinIO of this process.
func MinIO(t testing.TB) Server {
	t.Helper()
	return minioProgram.use(t)
}

// VersityGW returns the running versitygw of this process, over a directory.
func VersityGW(t testing.TB) Server {
	t.Helper()
	return versityProgram.use(t)
}

var minioProgram = program{name: "minio", command: func(bin, addr, _, dir string) *exec.Cmd {
	cmd := exec.Command(bin, "server", "--quiet", "--address", addr, dir)
	cmd.Env = append(os.Environ(), "MINIO_ROOT_USER="+accessKey, "MINIO_ROOT_PASSWORD="+secretKey, "MINIO_BROWSER=off", "MINIO_UPDATE=off")
	return cmd
}}

var versityProgram = program{name: "versitygw", website: true, before: makeVersionsDir, command: func(bin, addr, website, dir string) *exec.Cmd {
	return exec.Command(bin, "--port", addr, "--access", accessKey, "--secret", secretKey, "--quiet",
		"--website", website, "--website-domain", websiteDomain, "posix", "--versioning-dir", versionsDir(dir), dir)
}}

// A program is a server that tests share: the first starts it, the last stops it.
type program struct {
	name    string
	command func(bin, addr, website, dir string) *exec.Cmd
	website bool // it serves web sites
	// before starts what the program needs; nil if that is nothing.
	before func(p *process) error

	mu      sync.Mutex
	users   int
	running *process
}

func (p *program) use(t testing.TB) Server {
	t.Helper()
	bin, err := find(p.name)
	if err != nil {
		missing(t, err)
	}
	setEnvironment()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.running == nil {
		if p.running, err = p.start(bin); err != nil {
			t.Fatalf("start %s: %v", p.name, err)
		}
	}
	p.users++
	t.Cleanup(p.leave)
	return p.running.server
}

func (p *program) leave() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.users--; p.users == 0 {
		p.running.stop()
		p.running = nil
	}
}

// missing skips t, unless the servers are required.
func missing(t testing.TB, err error) {
	t.Helper()
	if os.Getenv(RequireVariable) != "" {
		t.Fatalf("%v, and %s is set", err, RequireVariable)
	}
	t.Skipf("%v: set %s to the directory it is in", err, BinVariable)
}

func find(name string) (string, error) {
	if dir := os.Getenv(BinVariable); dir != "" {
		if bin, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return bin, nil
		}
	}
	return exec.LookPath(name)
}

// setEnvironment puts the credentials where the SDKs look, and takes away what
// a developer's own account would add.
var setEnvironment = sync.OnceFunc(func() {
	for _, name := range []string{
		"AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3",
		"MINIO_ROOT_USER", "MINIO_ROOT_PASSWORD", "MINIO_ACCESS_KEY", "MINIO_SECRET_KEY",
	} {
		os.Unsetenv(name)
	}
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": accessKey, "AWS_SECRET_ACCESS_KEY": secretKey, "AWS_REGION": region,
		"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull,
	} {
		os.Setenv(name, value)
	}
})

// A process is a program that runs.
type process struct {
	server  Server
	dir     string
	command func() *exec.Cmd
	kill    func()
	ended   <-chan struct{}
	others  []func() // that stop what was started before
	log     *tail
}

// start tries a few free ports: another process may take one first.
func (p *program) start(bin string) (*process, error) {
	var all []error
	for range 3 {
		proc, err := p.startOnce(bin)
		if err == nil {
			return proc, nil
		}
		all = append(all, err)
	}
	return nil, errors.Join(all...)
}

func (p *program) startOnce(bin string) (*process, error) {
	addr, err := freeAddr()
	if err != nil {
		return nil, err
	}
	website, err := freeAddr()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "datestone-"+p.name+"-")
	if err != nil {
		return nil, err
	}
	proc := &process{dir: dir, log: new(tail), server: Server{
		Name: p.name, Endpoint: (&url.URL{Scheme: "http", Host: addr}).String(), AccessKey: accessKey, SecretKey: secretKey,
	}}
	if p.website {
		proc.server.Website = website
	}
	if p.before != nil {
		if err := p.before(proc); err != nil {
			proc.stop()
			return nil, fmt.Errorf("%w; it said: %s", err, proc.log)
		}
	}
	proc.command = func() *exec.Cmd { return p.command(bin, addr, website, dir) }
	if err := proc.begin(); err != nil {
		proc.stop()
		return nil, err
	}
	return proc, nil
}

// begin runs the program, on what an earlier process of it left.
func (p *process) begin() (err error) {
	cmd := p.command()
	cmd.Stdout, cmd.Stderr = p.log, p.log
	if p.kill, p.ended, err = run(cmd); err != nil {
		return err
	}
	if err := p.awaitReady(); err != nil {
		return fmt.Errorf("%w; it said: %s", err, p.log)
	}
	return nil
}

func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// awaitReady waits until the server makes buckets, or says that it has made
// this one, before it was killed.
func (p *process) awaitReady() error {
	const patience = time.Minute
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		err := p.server.makeBucket(ctx, "ready")
		if code := minio.ToErrorResponse(err).Code; err == nil || code == "BucketAlreadyOwnedByYou" || code == "BucketAlreadyExists" {
			return nil
		}
		select {
		case <-p.ended:
			return fmt.Errorf("%s has ended", p.server.Name)
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready after %v: %w", p.server.Name, patience, err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (p *process) stop() {
	if p.kill != nil {
		p.kill()
		<-p.ended
	}
	for _, stop := range slices.Backward(p.others) {
		stop()
	}
	os.RemoveAll(p.dir)
}

// A tail keeps the end of what a program prints.
type tail struct {
	mu sync.Mutex
	b  []byte
}

func (w *tail) Write(b []byte) (int, error) {
	const most = 4 << 10
	w.mu.Lock()
	defer w.mu.Unlock()
	w.b = append(w.b, b...)
	w.b = w.b[max(0, len(w.b)-most):]
	return len(b), nil
}

func (w *tail) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return string(w.b)
}
