package main

import (
	"fmt"
	"io"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
	"time"
)

// A benchTable is what the benchmarks of one kind found, for people.
type benchTable struct{ rows [][]string }

func (t *benchTable) add(cells ...string) { t.rows = append(t.rows, cells) }

// print writes the table, if anything was measured; the first row is its head.
func (t *benchTable) print(w io.Writer) {
	if len(t.rows) < 2 {
		return
	}
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(out)
	for _, row := range t.rows {
		fmt.Fprintln(out, strings.Join(row, "\t"))
	}
	fmt.Fprintln(out)
	out.Flush()
}

// A benchPair is what two ways of doing the same took, round by round.
type benchPair struct{ ours, theirs []time.Duration }

// measure lets both ways take their turn, in the other order at every round,
// so that neither always finds the warmer machine.
func (p *benchPair) measure(round int, ours, theirs func()) {
	ways := []func(){func() { p.ours = append(p.ours, timed(ours)) }, func() { p.theirs = append(p.theirs, timed(theirs)) }}
	if round%2 == 1 {
		slices.Reverse(ways)
	}
	for _, way := range ways {
		settle()
		way()
	}
}

// settle lets the disk finish what the other way wrote, where there is a
// program that waits for that.
func settle() { _ = exec.Command("sync").Run() }

func timed(f func()) time.Duration {
	runtime.GC() // what the other way left is not ours to clear away
	start := time.Now()
	f()
	return time.Since(start)
}

// ratio returns how many times as long ours took: the median, and a text that
// has the least and the most too.
func (p *benchPair) ratio() (middle float64, text string) {
	var r []float64
	for i := range p.ours {
		r = append(r, p.ours[i].Seconds()/p.theirs[i].Seconds())
	}
	slices.Sort(r)
	middle = r[len(r)/2]
	return middle, fmt.Sprintf("%.2f (%.2f to %.2f)", middle, r[0], r[len(r)-1])
}

// report makes metrics of the pair and returns cells for a table.
func (p *benchPair) report(b *testing.B, name string) []string {
	ratio, text := p.ratio()
	ours, theirs := median(p.ours), median(p.theirs)
	b.ReportMetric(ratio, name+"-ratio")
	b.ReportMetric(ours.Seconds(), name+"-s")
	b.ReportMetric(theirs.Seconds(), name+"-bare-s")
	return []string{seconds(ours), seconds(theirs), text}
}

func median(d []time.Duration) time.Duration {
	d = slices.Sorted(slices.Values(d))
	return d[len(d)/2]
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }
