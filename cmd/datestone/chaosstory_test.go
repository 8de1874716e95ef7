//go:build unix

package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"datestone/publish"
	"datestone/publish/storetest/servers"
)

const (
	chaosMachines = 3
	chaosRounds   = 4 // of a story
	chaosRound    = 2500 * time.Millisecond
)

// A chaosScene is a place with its server and the proxy before it.
type chaosScene struct {
	place  chaosPlace
	server *servers.Alone // nil for a directory
	proxy  *chaosProxy
	tally  *chaosTally
}

func newChaosScene(t *testing.T, place chaosPlace, tally *chaosTally) *chaosScene {
	t.Helper()
	c := &chaosScene{place: place, tally: tally}
	if place.server != nil {
		c.server = place.server(t)
		c.proxy = newChaosProxy(t, c.server.Endpoint)
	}
	return c
}

// A chaosStory is what happens to one site.
type chaosStory struct {
	*chaosScene
	t        *testing.T
	said     *chaosLog
	rng      *rand.Rand // of the story itself, not of those who act in it
	remote   *chaosRemote
	machines []*chaosMachine
	reader   *chaosReader
	store    publish.Store // as readers see it
	redacts  bool          // some content is redacted
}

// story begins the story n: an empty bucket.
func (c *chaosScene) story(t *testing.T, seed, n uint64) *chaosStory {
	t.Helper()
	s := &chaosStory{chaosScene: c, t: t, said: &chaosLog{began: time.Now()}, rng: rngOf(seed, n, "story "+c.place.name)}
	s.redacts = n%3 == 1
	s.remote = newChaosRemote(t, rngOf(seed, n, "remote"))
	through, direct := c.bucket(t, n)
	b, err := parseBucket(direct, "")
	must(t, err)
	s.store, err = driver(t.Context(), b, 0)
	must(t, err)
	for i := range chaosMachines {
		s.machines = append(s.machines, newChaosMachine(s, i, through, rngOf(seed, n, fmt.Sprint("machine ", i))))
	}
	s.reader = newChaosReader(s, rngOf(seed, n, "reader"))
	if c.proxy != nil {
		c.proxy.setRng(rngOf(seed, n, "proxy"))
	}
	return s
}

// bucket makes a bucket, and returns how the program finds it and how readers do.
func (c *chaosScene) bucket(t *testing.T, n uint64) (through, direct string) {
	t.Helper()
	if c.server == nil {
		dir := t.TempDir()
		return "file:" + dir, "file:" + dir
	}
	name := c.server.Bucket(t)
	direct = fmt.Sprintf("minio://%s/%s", c.server.Host(), name)
	if n%2 == 1 {
		return fmt.Sprintf("minio://%s/%s", strings.TrimPrefix(c.proxy.URL, "http://"), name), direct
	}
	return fmt.Sprintf("s3://%s?region=us-east-1&endpoint=%s", name, c.proxy.URL), direct
}

// tell lets a few rounds happen, fewer where the time is over.
func (s *chaosStory) tell(t *testing.T, ends time.Time) {
	stop := make(chan struct{})
	var readers sync.WaitGroup
	readers.Go(func() { s.reader.read(stop) })
	for round := 0; round < chaosRounds && !t.Failed() && (round == 0 || time.Now().Before(ends)); round++ {
		s.said.add("round %d", round)
		s.upset()
		s.settle()
		s.tally.rounds.Add(1)
	}
	close(stop)
	readers.Wait()
	s.reader.judge()
}

// upset lets all work at once, and everything go wrong, for the time of a round.
func (s *chaosStory) upset() {
	until := time.Now().Add(chaosRound)
	var all sync.WaitGroup
	for _, m := range s.machines {
		all.Go(func() { m.work(until) })
	}
	all.Go(func() { s.remote.move(until) })
	if s.proxy != nil {
		all.Go(func() { s.proxy.trouble(until, s.said) })
		if chance(s.rng, 40) {
			all.Go(s.crash)
		}
	}
	all.Wait()
}

// crash kills the server in the middle of the round, and starts it again.
func (s *chaosStory) crash() {
	time.Sleep(between(s.rng, 0, chaosRound))
	s.said.add("the server is killed")
	s.server.Kill()
	time.Sleep(between(s.rng, 0, chaosRound/4))
	complain(s.t, "start the server again", s.server.Start())
	s.said.add("the server answers again")
	s.tally.restarts.Add(1)
}

// settle runs each machine quietly, which must succeed, and then looks at what
// stands: as verify does on the machine that ran last, and from outside.
func (s *chaosStory) settle() {
	for _, m := range s.machines {
		if s.t.Failed() {
			return
		}
		m.quiet()
	}
	last := s.machines[len(s.machines)-1]
	if s.redacts {
		for _, repo := range chaosRepos {
			last.wantDone("redact", repo.name) // to its end, where it was interrupted
		}
	}
	last.wantDone("verify", "--deep")
	s.check()
}

// A chaosLog is what happened so far.
type chaosLog struct {
	began time.Time
	mu    sync.Mutex
	lines []string
}

func (l *chaosLog) add(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, fmt.Sprintf("%8.3f ", time.Since(l.began).Seconds())+fmt.Sprintf(format, args...))
}

func (l *chaosLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.lines, "\n")
}

// A chaosTally counts what was done, over all stories.
type chaosTally struct {
	kills, pauses, runs, rounds, stories, restarts, indexes, clocks, reads, answers, checkpoints atomic.Int64
	tenths                                                                                       [10]atomic.Int64 // of the kills: how far in a usual run
}

func (c *chaosTally) String() string {
	var tenths []int64
	for i := range c.tenths {
		tenths = append(tenths, c.tenths[i].Load())
	}
	return fmt.Sprintf("%d kills (by tenths of a usual run: %d) and %d pauses in %d processes, %d rounds, %d stories; "+
		"%d servers killed, %d indexes lost or exchanged, %d clocks set wrong; %d checkpoints, %d files and %d final answers read",
		c.kills.Load(), tenths, c.pauses.Load(), c.runs.Load(), c.rounds.Load(), c.stories.Load(),
		c.restarts.Load(), c.indexes.Load(), c.clocks.Load(), c.checkpoints.Load(), c.reads.Load(), c.answers.Load())
}

// removeIfThere removes a file that may be missing.
func removeIfThere(name string) error {
	if err := os.Remove(name); err != nil && !os.IsNotExist(err) {
		return err
	}
	return nil
}
