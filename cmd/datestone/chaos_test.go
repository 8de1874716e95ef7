//go:build unix

package main

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"datestone/publish/storetest/servers"
)

// The variables that make the chaos test longer, or do one again.
const (
	chaosTimeVar  = "DATESTONE_CHAOS_TIME"  // at most that long altogether; 24s unless set
	chaosKillsVar = "DATESTONE_CHAOS_KILLS" // so many kills end it before, and fewer fail it
	chaosSeedVar  = "DATESTONE_CHAOS_SEED"  // of all that is random but the time that things take
)

// chaosPlaces are where sites stand while everything goes wrong.
var chaosPlaces = []chaosPlace{
	{"MinIO", servers.MinIOAlone},
	{"versitygw", servers.VersityGWAlone},
	{"directory", nil},
}

type chaosPlace struct {
	name   string
	server func(testing.TB) *servers.Alone // nil for a directory
}

// TestChaos lets machines work on one site all at once while their processes
// are killed and paused at random moments, their indexes lost or exchanged,
// their clocks set wrong, the remotes changed and the server killed, troubled
// and robbed of its replies. Readers poll all along and must never be told
// anything false. After each round comes a quiet run of each machine; then
// nothing may be missing, wrong or left over.
func TestChaos(t *testing.T) {
	t.Parallel()
	c := newChaos(t)
	for i, place := range chaosPlaces {
		t.Run(place.name, func(t *testing.T) { c.at(t, place, len(chaosPlaces)-i) })
	}
	t.Logf("%s=%d: %s", chaosSeedVar, c.seed, &c.tally)
	if n := c.tally.kills.Load(); int(n) < c.kills && !t.Failed() {
		t.Errorf("%d kills within the time, want %d", n, c.kills)
	}
}

// A chaos is one run of the test.
type chaos struct {
	seed  uint64
	ends  time.Time
	kills int // wanted; 0 for as many as the time allows
	tally chaosTally
}

func newChaos(t *testing.T) *chaos {
	t.Helper()
	long, err := time.ParseDuration(cmp.Or(os.Getenv(chaosTimeVar), "24s"))
	must(t, err)
	kills, err := strconv.Atoi(cmp.Or(os.Getenv(chaosKillsVar), "0"))
	must(t, err)
	seed, err := strconv.ParseUint(cmp.Or(os.Getenv(chaosSeedVar), strconv.Itoa(rand.IntN(1<<30))), 10, 64)
	must(t, err)
	return &chaos{seed: seed, ends: time.Now().Add(long), kills: kills}
}

// at tells stories at one place until its share of the time, or of the kills,
// is used up; it is one of so many that are left.
func (c *chaos) at(t *testing.T, place chaosPlace, left int) {
	ends := time.Now().Add(time.Until(c.ends) / time.Duration(left))
	enough := c.kills
	if done := int(c.tally.kills.Load()); enough > 0 {
		enough = done + (c.kills-done+left-1)/left
	}
	scene := newChaosScene(t, place, &c.tally)
	for n := uint64(0); n == 0 || time.Now().Before(ends) && (enough == 0 || int(c.tally.kills.Load()) < enough); n++ {
		s := scene.story(t, c.seed, n)
		s.tell(t, ends)
		if t.Failed() {
			t.Fatalf("to do it again: %s=%d; story %d at %s so far:\n%s", chaosSeedVar, c.seed, n, place.name, s.said)
		}
		c.tally.stories.Add(1)
	}
}

// rngOf returns the source of what is random about one thing.
func rngOf(seed, story uint64, what string) *rand.Rand {
	var h uint64
	for _, b := range []byte(what) {
		h = h*131 + uint64(b)
	}
	return rand.New(rand.NewPCG(seed+story<<40, h))
}

// between returns a duration from least to most.
func between(rng *rand.Rand, least, most time.Duration) time.Duration {
	return least + time.Duration(rng.Int64N(int64(most-least)+1))
}

// oneOfThem returns one of all.
func oneOfThem[T any](rng *rand.Rand, all []T) T { return all[rng.IntN(len(all))] }

// chance is true so many times in a hundred.
func chance(rng *rand.Rand, percent int) bool { return rng.IntN(100) < percent }

// complain reports an error. It may be called from any goroutine, as must may not.
func complain(t testing.TB, what string, err error) {
	if err != nil {
		t.Error(fmt.Errorf("%s: %w", what, err))
	}
}
