package layout

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// An Age is a stretch of the calendar, as restic writes one: 1y5m7d2h.
type Age struct{ Years, Months, Days, Hours int }

// maxAge is how much of one unit an Age may have.
const maxAge = 99_999

// ParseAge reads whole numbers of years, months, days and hours, the larger
// unit first, each at most once: 2y, 1y6m, 30d, 7d12h. Here m is a month.
func ParseAge(s string) (Age, error) {
	var a Age
	units := []struct {
		name string
		to   *int
	}{{"y", &a.Years}, {"m", &a.Months}, {"d", &a.Days}, {"h", &a.Hours}}
	rest := s
	for _, u := range units {
		number, after, found := strings.Cut(rest, u.name)
		n, err := strconv.ParseUint(number, 10, 32)
		if !found || err != nil || n > maxAge {
			continue
		}
		*u.to, rest = int(n), after
	}
	if rest != "" || a == (Age{}) {
		return Age{}, fmt.Errorf("%q is no age: write 30d, 6m or 1y6m: years, months, days, hours", s)
	}
	return a, nil
}

// String returns what ParseAge reads; nothing for no age.
func (a Age) String() string {
	var b strings.Builder
	for _, part := range []struct {
		n    int
		unit string
	}{{a.Years, "y"}, {a.Months, "m"}, {a.Days, "d"}, {a.Hours, "h"}} {
		if part.n > 0 {
			fmt.Fprintf(&b, "%d%s", part.n, part.unit)
		}
	}
	return b.String()
}

// Before returns the moment that lies a before m. Days that a month does not
// have run over into the next one, as in restic.
func (a Age) Before(m Stamp) Stamp {
	t := m.Time().AddDate(-a.Years, -a.Months, -a.Days)
	return StampOf(t.Add(-time.Duration(a.Hours) * time.Hour))
}
