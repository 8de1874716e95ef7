package layout

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Status is status.json: how the runs on a site's repositories went, as far as
// runs had something to tell (docs/formats.md, section 8).
type Status struct {
	Version int `json:"version"` // 1
	// Updated is the clock of the run that wrote it.
	Updated      Stamp              `json:"updated"`
	Repositories []RepositoryStatus `json:"repositories"` // ascending by name
}

// A RepositoryStatus is one row of it. Times are those of runs' clocks.
type RepositoryStatus struct {
	Name        string `json:"name"`
	BasePath    string `json:"base_path"`
	Entries     int    `json:"entries"` // of its log
	Checkpoints int    `json:"checkpoints"`
	Newest      Stamp  `json:"newest"`      // checkpoint
	LastChange  Stamp  `json:"last_change"` // when that was committed
	FinalUntil  Stamp  `json:"final_until"`
	LastRun     Stamp  `json:"last_run"`
	LastSuccess Stamp  `json:"last_success"`
	// Lag is how many seconds before LastRun the repository was last known to
	// be what its remote is: 0 after a run that succeeded.
	Lag int64 `json:"lag"`
	// Failures is how many runs failed since the last that did not, the first
	// of them FailingSince.
	Failures     int    `json:"failures"`
	FailingSince Stamp  `json:"failing_since,omitempty"`
	LastError    string `json:"last_error,omitempty"`
}

// An Outcome is what a run came to in one repository.
type Outcome struct {
	// Table is what the run knew at its end; without a log it is unknown.
	Table Table
	Time  Stamp
	Error string // empty for success
}

// After returns the row when a run has ended with o. A failure by a clock before
// the last success is that of a run which slept while another did its work.
func (r RepositoryStatus) After(o Outcome) RepositoryStatus {
	if o.Error != "" && o.Time < r.LastSuccess {
		return r
	}
	if t := o.Table; t.Log.Entries >= r.Entries && t.Repository != "" {
		r.Entries, r.Checkpoints, r.Newest, r.FinalUntil = t.Log.Entries, len(t.Checkpoints), t.Newest(), t.FinalUntil
		r.LastChange = ""
		if n := len(t.Checkpoints); n > 0 {
			r.LastChange = t.Checkpoints[n-1].Committed
		}
	}
	r.LastRun = o.Time
	if o.Error == "" {
		r.LastSuccess, r.Lag, r.Failures, r.FailingSince, r.LastError = o.Time, 0, 0, "", ""
		return r
	}
	r.Failures++
	r.LastError = o.Error
	if r.FailingSince == "" {
		r.FailingSince = o.Time
	}
	since := r.LastSuccess
	if since == "" {
		since = r.FailingSince
	}
	r.Lag = int64(o.Time.Time().Sub(since.Time()).Seconds())
	return r
}

// Tells reports whether r says what s does not, the times of runs aside: those
// alone are no reason to write.
func (r RepositoryStatus) Tells(s RepositoryStatus) bool {
	r.LastRun, r.LastSuccess, r.Lag = s.LastRun, s.LastSuccess, s.Lag
	return r != s
}

// Row returns the row of a repository; one that has never run where it is not
// there.
func (s Status) Row(name, base string) RepositoryStatus {
	if i, ok := s.find(name); ok && s.Repositories[i].BasePath == base {
		return s.Repositories[i]
	}
	return RepositoryStatus{Name: name, BasePath: base}
}

// With returns the status with the row in it.
func (s Status) With(r RepositoryStatus) Status {
	i, found := s.find(r.Name)
	s.Repositories = slices.Clone(s.Repositories)
	if found {
		s.Repositories[i] = r
	} else {
		s.Repositories = slices.Insert(s.Repositories, i, r)
	}
	return s
}

func (s Status) find(name string) (int, bool) {
	return slices.BinarySearchFunc(s.Repositories, name, func(r RepositoryStatus, name string) int {
		return strings.Compare(r.Name, name)
	})
}

// statusVersion is the version of the status written here; fields may be added.
const statusVersion = 1

// Encode returns the status as it stands in the bucket.
func (s Status) Encode() ([]byte, error) {
	s.Version = statusVersion
	if s.Repositories == nil {
		s.Repositories = []RepositoryStatus{}
	}
	b, err := json.MarshalIndent(s, "", " ")
	return append(b, '\n'), err
}

// DecodeStatus reads what Encode wrote. Fields it does not know are passed over.
func DecodeStatus(b []byte) (Status, error) {
	var s Status
	if err := json.Unmarshal(b, &s); err != nil {
		return Status{}, fmt.Errorf("%s: %w", StatusKey, err)
	}
	if s.Version != statusVersion {
		return Status{}, fmt.Errorf("%s of version %d; this datestone knows version %d", StatusKey, s.Version, statusVersion)
	}
	for i := 1; i < len(s.Repositories); i++ {
		if s.Repositories[i-1].Name >= s.Repositories[i].Name {
			return Status{}, fmt.Errorf("%s: %q comes after %q: not ascending", StatusKey, s.Repositories[i].Name, s.Repositories[i-1].Name)
		}
	}
	return s, nil
}
