package redirects

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A Deployed is what CloudFront has, or is to have.
type Deployed struct {
	Function []byte // nil: none
	// Reads says that the Function reads the KeyValueStore.
	Reads bool
	// Keys are the entries of the KeyValueStore. Where none are wanted the
	// Function has the tables in it, and the store is left as it is.
	Keys []KeyValue
}

// A Push is what must be sent, in this order: Before, the Function, After.
// Each batch is one call, and after each of them readers get right answers:
// those of the tables in force before, or the new ones.
type Push struct {
	Before   []Batch
	Function []byte // nil: it stays
	After    []Batch
}

// A Batch is one call of UpdateKeys. It has at most 50 keys; as an entry is
// shorter than 2 KB that is far below the 3 MB that a call may have.
type Batch struct {
	Puts    []KeyValue
	Deletes []string
}

// maxBatch is how many keys one call may change.
const maxBatch = 50

// ErrOlder says that what is in force was made from a newer table.
var ErrOlder = errors.New("what is in force was made from a newer table")

// Empty reports whether nothing must be sent.
func (p Push) Empty() bool { return len(p.Before) == 0 && p.Function == nil && len(p.After) == 0 }

// Diff returns what makes want of have. New nodes are written first: nobody
// reads them before a root names them. Roots are the switch. What is not
// wanted any more goes last, and where the Function changes only after that,
// because the one in force may read it. A push that was cut off anywhere
// leaves less for the next Diff. Nothing replaces what is newer: ErrOlder.
func Diff(have, want Deployed) (Push, error) {
	if err := forward(have, want); err != nil {
		return Push{}, err
	}
	var p Push
	if string(have.Function) != string(want.Function) || have.Reads != want.Reads {
		p.Function = want.Function
	}
	if len(want.Keys) == 0 {
		return p, nil
	}
	nodes, roots, deletes := changes(have.Keys, want.Keys)
	switch {
	case len(nodes)+len(roots)+len(deletes) == 0:
	case p.Function == nil && len(nodes)+len(roots)+len(deletes) <= maxBatch:
		p.Before = []Batch{{Puts: append(nodes, roots...), Deletes: deletes}}
	case len(nodes)+len(roots) <= maxBatch:
		p.Before, p.After = puts(append(nodes, roots...)), removals(deletes)
	default:
		p.Before, p.After = append(puts(nodes), puts(roots)...), removals(deletes)
	}
	return p, nil
}

// changes returns the entries to write and the keys to delete, ascending.
func changes(have, want []KeyValue) (nodes, roots []KeyValue, deletes []string) {
	old := map[string]string{}
	for _, k := range have {
		old[k.Key] = k.Value
	}
	for _, k := range want {
		value, ok := old[k.Key]
		delete(old, k.Key)
		switch {
		case ok && value == k.Value:
		case k.Root:
			roots = append(roots, k)
		default:
			nodes = append(nodes, k)
		}
	}
	return nodes, roots, slices.Sorted(maps.Keys(old))
}

func puts(entries []KeyValue) []Batch {
	var all []Batch
	for some := range slices.Chunk(entries, maxBatch) {
		all = append(all, Batch{Puts: some})
	}
	return all
}

func removals(keys []string) []Batch {
	var all []Batch
	for some := range slices.Chunk(keys, maxBatch) {
		all = append(all, Batch{Deletes: some})
	}
	return all
}

// forward refuses to go back.
func forward(have, want Deployed) error {
	before, after := have.entries(), want.entries()
	for _, base := range slices.Sorted(maps.Keys(after)) {
		if before[base] > after[base] {
			return fmt.Errorf("%s: log entry %d is in force, the table here has %d: %w", base, before[base], after[base], ErrOlder)
		}
	}
	return nil
}

// sourceLine finds what the head of a Function that has the tables in it says.
var sourceLine = regexp.MustCompile(`(?m)^// +(/[^ ]*): [0-9]+ checkpoints, log entry ([0-9]+),`)

// entries returns how many entries the log had that the rules were made from,
// by base path.
func (d Deployed) entries() map[string]int {
	all := map[string]int{}
	for _, m := range sourceLine.FindAllStringSubmatch(string(d.Function), -1) {
		all[m[1]], _ = strconv.Atoi(m[2])
	}
	for _, k := range d.Keys {
		base, ok := strings.CutPrefix(k.Key, rootPrefix)
		var root struct {
			Entries int `json:"n"`
		}
		if ok && json.Unmarshal([]byte(k.Value), &root) == nil {
			all[base] = max(all[base], root.Entries)
		}
	}
	return all
}

// rootPrefix begins the key of a root; the site's base follows.
const rootPrefix = "root:"
