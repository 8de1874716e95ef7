package publish_test

import (
	"strconv"
	"strings"
	"testing"

	"datestone/publish"
)

func TestTermsThatS3WouldNotTake(t *testing.T) {
	t.Parallel()
	many := map[string]string{}
	for i := range 11 {
		many[strconv.Itoa(i)] = ""
	}
	for name, row := range map[string]struct {
		terms publish.Terms
		want  string // nothing where they are taken
	}{
		"none":                {publish.Terms{}, ""},
		"all":                 {publish.Terms{LockMode: "compliance", LockDays: 1, StorageClass: "GLACIER_IR", Encryption: "aws:kms", KMSKey: "alias/k", Tags: map[string]string{"a b": "+-=._:/@"}}, ""},
		"a lock for no time":  {publish.Terms{LockMode: "compliance"}, "for 0 days"},
		"a lock for ever":     {publish.Terms{LockMode: "compliance", LockDays: 36_501}, "for 36501 days"},
		"a key for AES256":    {publish.Terms{Encryption: "AES256", KMSKey: "k"}, "kms_key needs sse=aws:kms"},
		"eleven tags":         {publish.Terms{Tags: many}, "11 tags are more than"},
		"a tag with an &":     {publish.Terms{Tags: map[string]string{"a": "b&c"}}, `tag "a"="b&c"`},
		"a tag without a key": {publish.Terms{Tags: map[string]string{"": "b"}}, `tag ""="b"`},
		"a long value":        {publish.Terms{Tags: map[string]string{"a": strings.Repeat("x", 257)}}, "at most 256"},
	} {
		err := row.terms.Check()
		if (err == nil) != (row.want == "") || err != nil && !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: Check = %v, want %q", name, err, row.want)
		}
	}
}
