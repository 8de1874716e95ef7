package main

import (
	"encoding/json"
	"encoding/xml"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/minio/minio-go/v7/pkg/lifecycle"

	"datestone/layout"
	"datestone/publish/storetest/servers"
)

// A policyDocument is what docs/operations.md has in its blocks of JSON.
type policyDocument struct {
	Version   string
	Statement []map[string]any
}

// documentedPolicies returns the policies of docs/operations.md, by the Sid of
// their first statement, for this bucket and this repository.
func (s *e2eSite) documentedPolicies() map[string]policyDocument {
	s.t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "operations.md"))
	must(s.t, err)
	found := map[string]policyDocument{}
	for _, rest := range strings.Split(string(text), "\n```json\n")[1:] {
		block, _, _ := strings.Cut(rest, "\n```\n")
		block = strings.NewReplacer("arn:aws:s3:::snapshots/debian/", "arn:aws:s3:::"+s.bucket+"/checkpoints/myfile/", "arn:aws:s3:::snapshots", "arn:aws:s3:::"+s.bucket).Replace(block)
		var p policyDocument
		must(s.t, json.Unmarshal([]byte(block), &p))
		found[p.Statement[0]["Sid"].(string)] = p
	}
	for _, name := range []string{"NothingLeavesTheLog", "RecordsAreWrittenOnce", "RunsMayLookAround", "RedactMayLookBack"} {
		if len(found[name].Statement) == 0 {
			s.t.Fatalf("docs/operations.md has no policy %s", name)
		}
	}
	return found
}

func (p policyDocument) String() string {
	b, err := json.Marshal(p)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// TestLogPolicy sets the documented policy of a bucket at Ceph's RGW, which holds
// policies against a bucket's owner too, as Amazon does.
func TestLogPolicy(t *testing.T) {
	t.Parallel()
	s := newE2ESite(t, e2eStore{"s3 on radosgw", schemeS3, servers.RGW}, newE2ERemote(t), "", "/")
	policy := s.documentedPolicies()["NothingLeavesTheLog"]
	client := e2eClient(t, s.server)
	must(t, client.SetBucketPolicy(t.Context(), s.bucket, policy.String()))
	s.publishesAndPrunes()
	for key := range s.objects() {
		err := client.RemoveObject(t.Context(), s.bucket, key, minio.RemoveObjectOptions{})
		logged := strings.HasPrefix(key, "checkpoints/myfile/log/")
		if refused := minio.ToErrorResponse(err).Code == "AccessDenied"; refused != logged {
			t.Errorf("removing %s: %v, want that it is refused: %t", key, err, logged)
		}
	}
}

// publishesAndPrunes does what is done every day: two runs, two prunes.
func (s *e2eSite) publishesAndPrunes(env ...string) {
	s.t.Helper()
	for _, args := range [][]string{{"one", "run"}, {"two", "run"}, {"two", "prune"}, {"two", "prune"}, {"two", "verify", "--deep"}} {
		s.see(args[0])
		s.keepsLast()
		if code, out, said := s.exec(env, args[1:]...); code != exitDone {
			s.t.Fatalf("%q: exit code %d: %s%s", args, code, out, said)
		}
	}
	if ids := s.ids(); len(ids) != 1 {
		s.t.Errorf("the checkpoints are %q, want one", ids)
	}
}

// TestRoles publishes, prunes and redacts at MinIO with no more than the
// documented rights of each, in a bucket that keeps versions.
func TestRoles(t *testing.T) {
	t.Parallel()
	s := newE2ESite(t, e2eStores[1], newE2ERemote(t), "", "/")
	s.takeBucket(s.server.VersionedBucket(t))
	all := s.documentedPolicies()
	runs, redacts := all["RunsMayLookAround"], all["RedactMayLookBack"]
	runs.Statement = append(runs.Statement, all["NothingLeavesTheLog"].Statement...)
	redacts.Statement = append(redacts.Statement, runs.Statement...)
	s.publishesAndPrunes(s.role(runs)...)
	redact := []string{"redact", "--path", lockedPath, "--reason", lockedReason, "myfile"}
	if code, out, said := s.exec(s.role(runs), redact...); code != exitFailed || !strings.Contains(said, "access denied") {
		t.Errorf("redact with the rights of a run: exit code %d, %s%s", code, out, said)
	}
	for _, v := range s.versionsOf(lockedPath) {
		err := s.clientAs(runs).RemoveObject(t.Context(), s.bucket, v.Key, minio.RemoveObjectOptions{VersionID: v.VersionID})
		if minio.ToErrorResponse(err).Code != "AccessDenied" {
			t.Errorf("removing version %q of %s with the rights of a run: %v, want that it is refused", v.VersionID, v.Key, err)
		}
	}
	if code, out, said := s.exec(s.role(redacts), redact...); code != exitDone {
		t.Errorf("redact with its own rights: exit code %d, %s%s", code, out, said)
	}
	if left := s.versionsOf(lockedPath); len(left) > 0 {
		t.Errorf("these versions are left: %+v", left)
	}
	for _, v := range s.server.Versions(t, s.bucket, layout.RecordKey("checkpoints/myfile", 1)) {
		for _, id := range []string{"", v.VersionID} {
			err := s.clientAs(redacts).RemoveObject(t.Context(), s.bucket, v.Key, minio.RemoveObjectOptions{VersionID: id})
			if minio.ToErrorResponse(err).Code != "AccessDenied" {
				t.Errorf("removing version %q of %s: %v, want that it is refused", id, v.Key, err)
			}
		}
	}
}

// TestLifecycleRule gives MinIO the documented rule.
func TestLifecycleRule(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "operations.md"))
	must(t, err)
	_, rest, _ := strings.Cut(string(text), "\n```xml\n")
	block, _, _ := strings.Cut(rest, "\n```\n")
	var rules lifecycle.Configuration
	must(t, xml.Unmarshal([]byte(block), &rules))
	server := servers.MinIO(t)
	must(t, e2eClient(t, server).SetBucketLifecycle(t.Context(), server.VersionedBucket(t), &rules))
	if rule := rules.Rules[0]; rule.NoncurrentVersionExpiration.NoncurrentDays == 0 || !bool(rule.Expiration.DeleteMarker) || rule.AbortIncompleteMultipartUpload.IsDaysNull() {
		t.Errorf("the rule is read as %+v", rule)
	}
}

// role returns the environment of who may do what the policy says.
func (s *e2eSite) role(p policyDocument) []string {
	s.t.Helper()
	value := s.credentials(p)
	return []string{"AWS_ACCESS_KEY_ID=" + value.AccessKeyID, "AWS_SECRET_ACCESS_KEY=" + value.SecretAccessKey, "AWS_SESSION_TOKEN=" + value.SessionToken}
}

// credentials are those of a session that a policy narrows. Nobody is named in
// the policy of a role.
func (s *e2eSite) credentials(p policyDocument) credentials.Value {
	s.t.Helper()
	for i, statement := range p.Statement {
		p.Statement[i] = maps.Clone(statement)
		delete(p.Statement[i], "Principal")
	}
	c, err := credentials.NewSTSAssumeRole(s.server.Endpoint, credentials.STSAssumeRoleOptions{
		AccessKey: s.server.AccessKey, SecretKey: s.server.SecretKey, Policy: p.String(), Location: "us-east-1"})
	must(s.t, err)
	value, err := c.GetWithContext(nil)
	must(s.t, err)
	return value
}

func (s *e2eSite) clientAs(p policyDocument) *minio.Client {
	s.t.Helper()
	value := s.credentials(p)
	c, err := minio.New(s.server.Host(), &minio.Options{
		Creds: credentials.NewStaticV4(value.AccessKeyID, value.SecretAccessKey, value.SessionToken), Region: "us-east-1"})
	must(s.t, err)
	return c
}
