package redirects_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"datestone/layout"
	"datestone/redirects"
)

// growthRules finds the rules for moments in what a dialect renders.
var growthRules = []struct {
	target string
	rule   *regexp.Regexp
}{
	{"nginx", regexp.MustCompile(`(?m)^    0:[0-9]* (?:[fp][0-9TZ]+|404);$`)},
	{"haproxy", regexp.MustCompile(`(?m)^0:[0-9]* (?:[fp][0-9TZ]+|404)$`)},
	{"json", regexp.MustCompile(`(?m)^\["[0-9TZ]+",`)},
}

// BenchmarkGrowth says how many rules one more checkpoint costs, by how round
// the times of checkpoints are: what dialects render, beside the least set of
// prefixes (ORTC), and beside the obvious one, in which no prefix is within
// another and a time that is none counts like any.
func BenchmarkGrowth(b *testing.B) {
	table := [][]string{{"checkpoints at", "ORTC", "without"}}
	for _, g := range growthRules {
		table[0] = append(table[0], g.target)
	}
	for _, unit := range []struct {
		name string
		d    time.Duration
	}{{"seconds", time.Second}, {"minutes", time.Minute}, {"hours", time.Hour}, {"midnights", 24 * time.Hour}} {
		b.Run(unit.name, func(b *testing.B) {
			row := []string{unit.name}
			for b.Loop() {
				row = append(row[:1], growth(b, evenTable(unit.d))...)
			}
			b.ReportMetric(0, "ns/op")
			for i, name := range table[0][1:] {
				n, err := strconv.ParseFloat(row[i+1], 64)
				if err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(n, name+"-rules/checkpoint")
			}
			table = append(table, row)
		})
	}
	out := tabwriter.NewWriter(os.Stderr, 0, 0, 2, ' ', 0)
	for _, row := range table {
		fmt.Fprintln(out, strings.Join(row, "\t"))
	}
	out.Flush()
}

const growthCheckpoints = 1000

// evenTable has checkpoints some two days apart on average, at whole units.
func evenTable(unit time.Duration) layout.Table {
	rng := rand.New(rand.NewPCG(41, 42))
	t := table("r")
	at := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	for range growthCheckpoints {
		at = at.Add(24*time.Hour + time.Duration(rng.IntN(int(48*time.Hour/unit)))*unit).Truncate(unit)
		t.Checkpoints = append(t.Checkpoints, layout.Checkpoint{ID: layout.StampOf(at)})
	}
	t.FinalUntil = t.Newest()
	return t
}

// growth returns the rules per checkpoint, by the columns of the table.
func growth(b *testing.B, t layout.Table) (columns []string) {
	add := func(rules int) { columns = append(columns, fmt.Sprintf("%.1f", float64(rules)/growthCheckpoints)) }
	spans := redirects.Spans(t)
	add(len(redirects.Prefixes(spans)))
	obvious := 0
	for _, s := range spans {
		if s.To != "" {
			obvious += blocks(digits(s.From), digits(s.Until))
		}
	}
	add(obvious)
	for _, g := range growthRules {
		artifacts, err := redirects.Render(g.target, []layout.Table{t})
		if err != nil {
			b.Fatal(err)
		}
		rules := 0
		for _, a := range artifacts {
			rules += len(g.rule.FindAll(a.Body, -1))
		}
		if rules == 0 {
			b.Fatalf("%s has no rules that look as expected", g.target)
		}
		add(rules)
	}
	return columns
}

// blocks returns how many prefixes it takes to cover the numbers from lo to
// hi and no other.
func blocks(lo, hi uint64) (n int) {
	for ; lo <= hi; n++ {
		size := uint64(1)
		for lo%(size*10) == 0 && lo+size*10-1 <= hi {
			size *= 10
		}
		lo += size
	}
	return n
}

func digits(s layout.Stamp) uint64 {
	n, err := strconv.ParseUint(strings.NewReplacer("T", "", "Z", "").Replace(string(s)), 10, 64)
	if err != nil {
		panic(err) // stamps are digits
	}
	return n
}
