package layout

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// A Kind says what a record did.
type Kind string

const (
	// Commit published a checkpoint.
	Commit Kind = "commit"
	// Seen says that up to its ID nothing new was found.
	Seen Kind = "seen"
	// Promote moved a channel to a checkpoint.
	Promote Kind = "promote"
	// Prune removed checkpoints.
	Prune Kind = "prune"
	// Pin keeps a checkpoint from being pruned, Unpin no longer does.
	Pin   Kind = "pin"
	Unpin Kind = "unpin"
	// Redact removed content from every checkpoint that had it.
	Redact Kind = "redact"
)

// A Record is one entry of a repository's log. Its JSON, as Encode writes it,
// is what stands in the bucket and what the next record names by SHA-256
// (docs/formats.md, section 2).
type Record struct {
	Version    int    `json:"version"` // 1
	Entry      int    `json:"entry"`   // 1, 2, …
	Kind       Kind   `json:"kind"`
	Repository string `json:"repository"`
	BasePath   string `json:"base_path"`
	// ID is the checkpoint committed, pinned or unpinned, the time seen or
	// redacted, what a channel leads to, or the newest of those pruned.
	ID Stamp `json:"id"`
	// Time is the clock of the run that appended the record.
	Time Stamp `json:"time"`
	// Previous is the SHA-256 of the record before, empty in the first.
	Previous Digest    `json:"previous"`
	Channel  string    `json:"channel,omitempty"`  // Promote
	Remote   *Remote   `json:"remote,omitempty"`   // Commit, Seen
	List     *FileList `json:"list,omitempty"`     // Commit
	Replaced int       `json:"replaced,omitempty"` // Commit: paths that had other content before
	Pruned   []Stamp   `json:"pruned,omitempty"`   // Prune: the checkpoints, ascending
	Redacted []Digest  `json:"redacted,omitempty"` // Redact: what the content had as SHA-256, ascending
	Reason   string    `json:"reason,omitempty"`   // Pin, Unpin, Redact: in words of people
}

// A Remote says where a state was read.
type Remote struct {
	Type string `json:"type"`
	URL  string `json:"url"` // without user, password and query
	Mode string `json:"mode,omitempty"`
	// Config is the SHA-256 of the remote's configuration: validators count
	// only for the same one.
	Config     Digest     `json:"config"`
	Validators Validators `json:"validators"`
	// Releases are those of the suites of a "deb" remote, in their order;
	// Components and Architectures those that were asked for.
	Releases      []Release `json:"releases,omitempty"`
	Components    []string  `json:"components,omitempty"`
	Architectures []string  `json:"architectures,omitempty"`
	// Keyring is the path of the keys that the remote was verified with, in the
	// checkpoint: KeyringPath, or empty.
	Keyring string `json:"keyring,omitempty"`
	// LeftOut is there where packages are left out that the metadata names.
	LeftOut *LeftOut `json:"left_out,omitempty"`
}

// A Release is what a suite says of itself. Clients refuse it after
// ValidUntil, unless they are told not to.
type Release struct {
	Suite      string `json:"suite"` // as it was asked for
	Origin     string `json:"origin,omitempty"`
	Label      string `json:"label,omitempty"`
	Date       Stamp  `json:"date,omitempty"`
	ValidUntil Stamp  `json:"valid_until,omitempty"`
}

// Validators are what a remote gives to ask "has it changed?", and what its
// metadata was when it had not.
type Validators struct {
	ETag         string `json:"etag,omitempty"`
	LastModified string `json:"last_modified,omitempty"`
	// Fingerprint is the XXH64 of the metadata in 16 hexadecimal digits, a colon,
	// and its size in bytes.
	Fingerprint string `json:"fingerprint,omitempty"`
	// Files are those of each file of metadata that leads to the others, by its
	// path, where the remote has more than one (the suites of "deb"). Then the
	// fields above are empty.
	Files map[string]Validators `json:"files,omitempty"`
}

// recordVersion is the version of records and claims written here.
const recordVersion = 1

// NewRecord returns the record that follows a log's head.
func NewRecord(kind Kind, head Head, repository, base string, id, now Stamp) Record {
	return Record{
		Version: recordVersion, Entry: head.Entries + 1, Kind: kind, Repository: repository, BasePath: base,
		ID: id, Time: now, Previous: head.SHA256,
	}
}

// Encode returns the one way to write r: JSON in the order of the fields, no
// white space but a newline at the end.
func (r Record) Encode() ([]byte, error) { return encodeLine(r) }

// DecodeRecord reads what Encode wrote; anything else is an error.
func DecodeRecord(b []byte) (Record, error) {
	var r Record
	if err := decodeStrict(b, &r); err != nil {
		return Record{}, fmt.Errorf("record: %w", err)
	}
	return r, nil
}

// A Claim is an ID taken for a file list whose content is on its way. It is
// created once, before the first byte, and removed after the commit.
type Claim struct {
	Version    int      `json:"version"` // 1
	Repository string   `json:"repository"`
	BasePath   string   `json:"base_path"`
	ID         Stamp    `json:"id"`
	List       FileList `json:"list"` // stands at ClaimFilesKey
	Remote     Remote   `json:"remote"`
	Replaced   int      `json:"replaced,omitempty"`
	// Past is set for a past state that is filled in: the log's end when it was
	// claimed. Its ID says nothing of whether the log has moved on since.
	Past *Head `json:"past,omitempty"`
}

// NewClaim returns a claim of the version written here.
func NewClaim(repository, base string, id Stamp, list FileList, remote Remote) Claim {
	return Claim{Version: recordVersion, Repository: repository, BasePath: base, ID: id, List: list, Remote: remote}
}

// Record returns the commit of the claim after head, at now.
func (c Claim) Record(head Head, now Stamp) Record {
	r := NewRecord(Commit, head, c.Repository, c.BasePath, c.ID, now)
	r.Remote, r.List, r.Replaced = &c.Remote, &c.List, c.Replaced
	return r
}

// Encode writes c as Record.Encode writes a record.
func (c Claim) Encode() ([]byte, error) { return encodeLine(c) }

// DecodeClaim reads what Encode wrote; anything else is an error.
func DecodeClaim(b []byte) (Claim, error) {
	var c Claim
	if err := decodeStrict(b, &c); err != nil {
		return Claim{}, fmt.Errorf("claim: %w", err)
	}
	return c, nil
}

func encodeLine(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// decodeStrict reads into v what encodeLine wrote of one. The version is looked
// at first: what a newer datestone wrote may have any fields.
func decodeStrict(b []byte, v any) error {
	var is struct {
		Version int `json:"version"`
	}
	if err := json.Unmarshal(b, &is); err != nil {
		return err
	}
	if is.Version != recordVersion {
		return fmt.Errorf("is of version %d; this datestone knows version %d", is.Version, recordVersion)
	}
	if err := json.Unmarshal(b, v); err != nil {
		return err
	}
	if again, err := encodeLine(v); err != nil || !bytes.Equal(again, b) {
		return errors.New("is not written as datestone writes it")
	}
	return nil
}
