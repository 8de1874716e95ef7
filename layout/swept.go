package layout

import (
	"encoding/json"
	"fmt"
)

// Swept is how far objects were deleted after prune records: what datestone
// remembers in the bucket, at SweptKey. Lost, it costs a look at the whole log.
type Swept struct {
	Version int `json:"version"` // 1
	// Changes counts how often it was written.
	Changes int `json:"changes"`
	// Entry is that of the log up to which what prune records name is deleted;
	// Removed is how many checkpoints those are.
	Entry   int `json:"entry"`
	Removed int `json:"removed"`
	// Told is the entry up to which prune records were in force at ToldAt, by
	// the bucket's clock: what they name goes when caches of older answers have
	// run out. None where that is Entry.
	Told   int   `json:"told,omitempty"`
	ToldAt Stamp `json:"told_at,omitempty"`
}

// SweptKey is the Swept of a repository.
func SweptKey(repository string) string { return PrivatePrefix + "swept/" + repository + ".json" }

// sweptVersion is the version of Swept written here.
const sweptVersion = 1

// Page returns s as it stands in the bucket, one change further.
func (s Swept) Page(repository string) (Page, error) {
	s.Version, s.Changes = sweptVersion, s.Changes+1
	body, err := encodeLine(s)
	return NewPage(Private, SweptKey(repository), body, s.Changes), err
}

// Due reports whether something is to be deleted by now, which was told at or
// before the moment m.
func (s Swept) Due(m Stamp) bool { return s.Told > s.Entry && s.ToldAt <= m }

// DecodeSwept reads what stands at SweptKey. Fields it does not know are passed
// over.
func DecodeSwept(b []byte) (Swept, error) {
	var s Swept
	if err := json.Unmarshal(b, &s); err != nil {
		return Swept{}, fmt.Errorf("what was swept: %w", err)
	}
	if s.Version != sweptVersion {
		return Swept{}, fmt.Errorf("what was swept, of version %d; this datestone knows version %d", s.Version, sweptVersion)
	}
	return s, nil
}
