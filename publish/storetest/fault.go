package storetest

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"datestone/publish"
)

// A Fault is how a call fails.
type Fault int

const (
	// Failed is a call that is not done.
	Failed Fault = iota + 1
	// DoneButFailed is a call that is done and reported as failed.
	DoneButFailed
	// TemporaryFailed is Failed with publish.ErrTemporary: a second attempt helps.
	TemporaryFailed
	// TemporaryDoneButFailed is DoneButFailed with publish.ErrTemporary.
	TemporaryDoneButFailed
	// KilledBefore ends the process before the call is done: it and all later
	// calls fail with ErrKilled.
	KilledBefore
	// KilledAfter ends the process when the call is done, before it returns.
	KilledAfter
	// PowerLost is KilledAfter, and what was not synced is gone.
	PowerLost
)

// Faults are all of them, for tables.
func Faults() []Fault {
	return []Fault{Failed, DoneButFailed, TemporaryFailed, TemporaryDoneButFailed, KilledBefore, KilledAfter, PowerLost}
}

func (f Fault) String() string {
	names := []string{"none", "failed", "done but failed", "failed for now", "done but failed for now",
		"killed before", "killed after", "power lost"}
	return names[f]
}

func (f Fault) done() bool {
	return f == 0 || f == DoneButFailed || f == TemporaryDoneButFailed || f == KilledAfter || f == PowerLost
}

func (f Fault) fatal() bool { return f == KilledBefore || f == KilledAfter || f == PowerLost }

func (f Fault) err() error {
	switch {
	case f == 0:
		return nil
	case f.fatal():
		return ErrKilled
	case f == TemporaryFailed || f == TemporaryDoneButFailed:
		return fmt.Errorf("%w: %w", ErrFault, publish.ErrTemporary)
	}
	return ErrFault
}

var (
	// ErrFault is the failure of a call that FailAt made fail.
	ErrFault = errors.New("planned fault")
	// ErrKilled is what every call fails with after a fault that kills.
	ErrKilled = errors.New("killed")
)

// faults are what is planned, and what has happened.
type faults struct {
	calls int
	at    map[int]Fault
	slow  int // how many calls still to answer with ErrSlowDown
	dead  bool
}

// FailAt makes call n fail; Calls says how many there were.
func (m *Memory) FailAt(n int, f Fault) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.faults.at == nil {
		m.faults.at = map[int]Fault{}
	}
	m.faults.at[n] = f
}

// SlowDown makes the next n calls fail with publish.ErrSlowDown, not done.
func (m *Memory) SlowDown(n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.faults.slow = n
}

// Restart forgets all faults and counts calls from 1 again: the next process
// finds what the last one left. Violations stay.
func (m *Memory) Restart() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.faults = faults{}
}

// Calls returns how many calls have begun.
func (m *Memory) Calls() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.faults.calls
}

// call does one call, or makes it fail as planned.
func (m *Memory) call(ctx context.Context, op, key string, do func() error) error {
	f, err := m.begin(ctx)
	if err == nil && f.done() {
		err = do()
	}
	// Who asked does not learn that nothing stood there, say, when the reply is
	// lost. A violation is reported whatever the plan was.
	if f != 0 && !errors.Is(err, ErrViolation) {
		err = m.end(f)
	}
	if err != nil {
		return fmt.Errorf("%s %q: %w", op, key, err)
	}
	return nil
}

func (m *Memory) begin(ctx context.Context) (Fault, error) {
	if ctx.Err() != nil {
		return 0, context.Cause(ctx)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.faults.dead {
		return 0, ErrKilled
	}
	m.faults.calls++
	if m.faults.slow > 0 {
		m.faults.slow--
		return 0, publish.ErrSlowDown
	}
	return m.faults.at[m.faults.calls], nil
}

func (m *Memory) end(f Fault) error {
	if f.fatal() {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.faults.dead = true
		if f == PowerLost {
			m.objects = maps.Clone(m.durable)
			m.dirty = nil
		}
	}
	return f.err()
}
