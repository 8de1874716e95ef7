package publish

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"
)

// Terms are what an S3 store is asked for with each object, beside its header.
// Their zero value asks for nothing: what the bucket's own settings say.
type Terms struct {
	// LockMode is that of Object Lock, "governance" or "compliance", for what
	// is final (see layout.Header); empty for none. The bucket must have been
	// made with Object Lock.
	LockMode string
	// LockDays is how long it lasts, from when the object is written.
	LockDays int
	// StorageClass is for what is final; all else is read and replaced often.
	StorageClass string
	// Encryption is "AES256", "aws:kms" or "aws:kms:dsse"; KMSKey may name the
	// key of the last two.
	Encryption, KMSKey string
	// Tags are for everything.
	Tags map[string]string
}

// LockTime is how long what is final can't be removed.
func (t Terms) LockTime() time.Duration { return time.Duration(t.LockDays) * 24 * time.Hour }

// Modes of Object Lock.
const (
	LockGovernance = "governance"
	LockCompliance = "compliance"
)

// Most that S3 takes.
const (
	maxTags     = 10
	maxLockDays = 36_500
)

// Check says what S3 would not take.
func (t Terms) Check() error {
	switch {
	case t.LockMode != "" && (t.LockDays < 1 || t.LockDays > maxLockDays):
		return fmt.Errorf("object lock for %d days: write 1 to %d", t.LockDays, maxLockDays)
	case t.KMSKey != "" && t.Encryption != "aws:kms" && t.Encryption != "aws:kms:dsse":
		return fmt.Errorf("kms_key needs sse=aws:kms beside it")
	case len(t.Tags) > maxTags:
		return fmt.Errorf("%d tags are more than the %d that an object can have", len(t.Tags), maxTags)
	}
	for _, key := range slices.Sorted(maps.Keys(t.Tags)) {
		if value := t.Tags[key]; key == "" || len(key) > 128 || len(value) > 256 || strings.ContainsFunc(key+value, isNoTag) {
			return fmt.Errorf("tag %q=%q: write letters, digits, spaces and + - = . _ : / @, a key of at most 128 and a value of at most 256", key, value)
		}
	}
	return nil
}

func isNoTag(r rune) bool {
	return r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune(" +-=._:/@", r)
}
