package redirects

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"

	"datestone/layout"
)

// maxFunction is what a CloudFront Function may have, its data included.
const maxFunction = 10240

// renderCloudFront writes cloudfront/function.js, a Function for
// viewer-request. It has the tables in it where they fit; else they stand in
// cloudfront/keyvaluestore.json, from which a KeyValueStore is created, and the
// Function changes only when repositories come or go.
func renderCloudFront(sites []site) ([]Artifact, error) {
	if body, ok := cloudFrontFits(sites); ok {
		return []Artifact{{Name: "cloudfront/function.js", Body: []byte(body)}}, nil
	}
	return renderCloudFrontStore(sites)
}

// cloudFrontFits returns the Function with the tables in it, if it may be so
// long.
func cloudFrontFits(sites []site) (string, bool) {
	checkpoints := 0
	for i := range sites {
		checkpoints += len(sites[i].table.Checkpoints)
	}
	if checkpoints > maxFunction { // a byte each, at the least
		return "", false
	}
	body := cloudFrontInline(sites)
	return body, len(body) <= maxFunction
}

func renderCloudFrontStore(sites []site) ([]Artifact, error) {
	body := cloudFrontStored(sites)
	if len(body) > maxFunction {
		return nil, &TooManyRulesError{Target: "cloudfront", Needs: len(body), Takes: maxFunction, Unit: "bytes of code and base paths in a Function",
			WaysOut: "shorter base paths, a distribution for each part of the repositories, or the target cloudflare"}
	}
	keys, err := storeKeys(sites)
	if err != nil {
		return nil, err
	}
	return []Artifact{
		{Name: "cloudfront/function.js", Body: []byte(body)},
		{Name: "cloudfront/keyvaluestore.json", Body: importFile(keys)},
	}, nil
}

// CloudFrontKeys returns what the KeyValueStore holds for tables, ascending by
// key: what a push compares with the store's own. It is nothing where the
// Function has the tables in it.
//
// A node's key is made from its value, so that a changed one is another key
// and whoever still reads the root before finds its own. New nodes are
// written first, roots last, old nodes are deleted with them or after them;
// where all that is one call, readers see one change.
func CloudFrontKeys(tables []layout.Table) ([]KeyValue, error) {
	sites, err := checkedSites(tables)
	if err != nil {
		return nil, err
	}
	if _, ok := cloudFrontFits(sites); ok {
		return nil, nil
	}
	return storeKeys(sites)
}

const cloudFrontHead = `// Rules of datestone, a CloudFront Function for viewer-request, runtime 2.0.
// Generated: do not edit. All rows of the table "the answer to a request"
// hold, by CloudFront's clock. The origin is the bucket's REST endpoint.
`

func cloudFrontInline(sites []site) string {
	return cloudFrontHead + "// The tables are in the code. Made from\n" + jsHead(sites) + jsPaths(sites) + jsInline(sites) +
		jsSource("core.js", "cloudfront.js", "inline.js", "handler.js")
}

// cloudFrontStored has nothing in it that a new checkpoint changes.
func cloudFrontStored(sites []site) string {
	return "import cf from 'cloudfront';\n" + cloudFrontHead +
		"// The tables are in the KeyValueStore: keyvaluestore.json, made from the\n// tables of BASES, whose log entry (n) and final_until (g) each root has.\n" +
		jsPaths(sites) + jsSource("core.js", "cloudfront.js", "store.js")
}

// A KeyValue is an entry of a KeyValueStore.
type KeyValue struct {
	Key   string `json:"key"`
	Value string `json:"value"`
	// Root is an entry that puts others in force, and is written last: the
	// jsSite of a base path, "n" being the entries of the log it was made from.
	Root bool `json:"-"`
}

// The limits of a KeyValueStore: "1 KB" and "5 MB" are taken as the smaller of
// what they may mean.
const (
	maxValue   = 1000
	maxStore   = 5_000_000
	storeDepth = 2 // nodes read after the root: three reads in all
	keyLetters = 8 // of a node, 48 bits of its SHA-256
)

// storeKeys returns the entries for all sites, ascending by key.
func storeKeys(sites []site) ([]KeyValue, error) {
	keys := []KeyValue{}
	for i := range sites {
		k, err := sites[i].keys()
		if err != nil {
			return nil, err
		}
		keys = append(keys, k...)
	}
	slices.SortFunc(keys, func(a, b KeyValue) int { return cmp.Compare(a.Key, b.Key) })
	keys = slices.Compact(keys) // repositories that move together share nodes
	for i, k := range keys {
		if i > 0 && k.Key == keys[i-1].Key {
			return nil, fmt.Errorf("redirect target cloudfront: two nodes have the key %q", k.Key)
		}
	}
	if size := len(importFile(keys)); size > maxStore {
		return nil, tooMuchForStore(size, maxStore, "bytes in the import file of a KeyValueStore")
	}
	return keys, nil
}

func tooMuchForStore(needs, takes int, unit string) error {
	return &TooManyRulesError{Target: "cloudfront", Needs: needs, Takes: takes, Unit: unit,
		WaysOut: "fewer checkpoints (keep), a distribution for each part of the repositories, or the target nginx"}
}

// keys returns a site's entries: its root, and the nodes below it where the
// root can't hold the rows.
func (s *site) keys() ([]KeyValue, error) {
	p := s.pack()
	root := s.js(p)
	room := maxValue - len(jsLiteral(root))
	if room < 0 {
		return nil, tooMuchForStore(maxValue-room, maxValue, "bytes of channels in the root of "+s.base)
	}
	if len(p.rows)*p.width <= room {
		root.Rows = p.codes(p.rows)
		return []KeyValue{s.root(root)}, nil
	}
	keys, entries := p.leaves()
	for root.Depth = 1; len(entries)*(p.width+keyLetters) > room; root.Depth++ {
		if root.Depth == storeDepth {
			each := maxValue / (p.width + keyLetters)
			takes := room / (p.width + keyLetters) * each * p.leafRows()
			return nil, tooMuchForStore(len(p.rows), takes, "checkpoints and pruned spans below "+s.base)
		}
		var inner []KeyValue
		inner, entries = p.inner(entries)
		keys = append(keys, inner...)
	}
	root.Rows = strings.Join(entries, "")
	return append(keys, s.root(root)), nil
}

func (s *site) root(j jsSite) KeyValue {
	return KeyValue{Key: "root:" + s.base, Value: jsLiteral(j), Root: true}
}

// leafRows leaves room for the checkpoint that a leaf may begin with.
func (p *packing) leafRows() int { return maxValue/p.width - 1 }

// leaves cuts the rows into nodes, and returns what the node above says of
// each. A leaf whose first row is no checkpoint begins with the one before it.
func (p *packing) leaves() (nodes []KeyValue, entries []string) {
	var before row
	for rows := range slices.Chunk(p.rows, p.leafRows()) {
		value := p.codes(rows)
		if rows[0].kind != rowCheckpoint {
			value = p.code(before) + value
		}
		nodes = append(nodes, node(value))
		entries = append(entries, p.code(rows[0])+node(value).Key)
		for _, r := range rows {
			if r.kind == rowCheckpoint {
				before = r
			}
		}
	}
	return nodes, entries
}

// inner puts a level of nodes above those of entries.
func (p *packing) inner(entries []string) (nodes []KeyValue, above []string) {
	for some := range slices.Chunk(entries, maxValue/(p.width+keyLetters)) {
		n := node(strings.Join(some, ""))
		nodes = append(nodes, n)
		above = append(above, some[0][:p.width]+n.Key)
	}
	return nodes, above
}

func node(value string) KeyValue {
	sum := sha256.Sum256([]byte(value))
	key := make([]byte, keyLetters)
	for i := range key {
		key[i] = jsLetters[sum[i]%64]
	}
	return KeyValue{Key: string(key), Value: value}
}

// importFile writes what a KeyValueStore is created from.
func importFile(keys []KeyValue) []byte {
	var b bytes.Buffer
	b.WriteString(`{"data":[`)
	for i, k := range keys {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString("\n" + jsLiteral(k))
	}
	b.WriteString("\n]}\n")
	return b.Bytes()
}
