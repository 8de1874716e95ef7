package layout

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Pushed says what the web site of a bucket has to be: what was pushed last,
// or is on its way. S3 takes a website configuration and an object that
// redirects without a condition, and keeps no word on where they come from;
// this is that word, and it is replaced on a condition, before anything else
// is sent.
type Pushed struct {
	Version int `json:"version"` // 1
	// Log is how many entries the logs had that this was made from, by base:
	// public path and base path. None ever gets smaller.
	Log map[string]int `json:"log"`
	// Earlier are the SHA-256 of configurations that this one replaces, newest
	// first: one of them that is in force, still or again, is no one else's.
	Earlier []Digest `json:"earlier"`
	// Unsure are keys, ascending, at which something else may stand, or nothing:
	// a push is on its way to them, or was cut off.
	Unsure  []string `json:"unsure"`
	Website Website  `json:"website"`
	// Redirections are all objects that redirect: where each key leads.
	Redirections map[string]string `json:"redirections"`
}

const pushedVersion = 1

// Encode returns p as it stands in the bucket.
func (p Pushed) Encode() ([]byte, error) {
	p.Version = pushedVersion
	if p.Log == nil {
		p.Log = map[string]int{}
	}
	if p.Earlier == nil {
		p.Earlier = []Digest{}
	}
	if p.Unsure == nil {
		p.Unsure = []string{}
	}
	if p.Redirections == nil {
		p.Redirections = map[string]string{}
	}
	b, err := json.MarshalIndent(p, "", " ")
	return append(b, '\n'), err
}

// DecodePushed reads what Encode wrote. As keys it names are deleted, it may
// name nothing but the page of a day.
func DecodePushed(b []byte) (Pushed, error) {
	var p Pushed
	if err := json.Unmarshal(b, &p); err != nil {
		return Pushed{}, fmt.Errorf("%s: %w", PushedKey, err)
	}
	if p.Version != pushedVersion {
		return Pushed{}, fmt.Errorf("%s of version %d; this datestone knows version %d", PushedKey, p.Version, pushedVersion)
	}
	if !slices.IsSorted(p.Unsure) {
		return Pushed{}, fmt.Errorf("%s: what is unsure is not ascending", PushedKey)
	}
	for _, key := range p.Unsure {
		if err := checkDayKey(key); err != nil {
			return Pushed{}, err
		}
	}
	for key := range p.Redirections {
		if err := checkDayKey(key); err != nil {
			return Pushed{}, err
		}
	}
	return p, nil
}

// DayKey is the page of a day, below a base with or without the public path.
func DayKey(base string, day Stamp) string { return base + "/" + string(day[:8]) + "/" + indexPage }

// checkDayKey refuses a key at which something else than DayKey's may stand.
func checkDayKey(key string) error {
	dir, isPage := strings.CutSuffix(key, "/"+indexPage)
	base, day := "", dir
	if i := strings.LastIndexByte(dir, '/'); i >= 0 {
		base, day = dir[:i], dir[i+1:]
	}
	_, notDay := ParseMoment(day)
	if _, err := CleanPath(key); err != nil || !isPage || base == "" || len(day) != 8 || notDay != nil {
		return fmt.Errorf("%s: %q is not the page of a day", PushedKey, key)
	}
	return nil
}

// Equal reports whether both stand in a bucket as the same bytes.
func (p Pushed) Equal(q Pushed) bool {
	a, errA := p.Encode()
	b, errB := q.Encode()
	return errA == nil && errB == nil && string(a) == string(b)
}
