package redirects

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"datestone/layout"
)

// ErrForeign says that the bucket has a website configuration of someone else.
var ErrForeign = errors.New("the website configuration in force was not made by datestone")

// S3Goal returns what a bucket's web site has to be: S3Website, and from how
// much of the logs it was made.
func (in Input) S3Goal() (layout.Pushed, error) {
	website, objects, err := in.S3Website()
	if err != nil {
		return layout.Pushed{}, err
	}
	goal := layout.Pushed{Log: map[string]int{}, Website: website, Redirections: map[string]string{}}
	for _, t := range in.Tables {
		goal.Log[t.PublicPath+t.BasePath] = t.Log.Entries
	}
	for _, o := range objects {
		goal.Redirections[o.Key] = o.Location
	}
	return goal, nil
}

// DiffS3 returns what makes want of have. The record says first what will be
// sent, with the keys it is unsure of until all is sent; then come the objects
// that redirect, the configuration, and last what is not wanted any more. So
// whatever is asked meanwhile is answered as before or as afterwards, and a
// push that was cut off anywhere leaves a record from which the next goes on.
//
// Nothing replaces what is newer (ErrOlder), and nobody else's configuration is
// replaced (ErrForeign). A push that was overtaken by a newer one brings what
// it may have undone to what the record says.
func DiffS3(have layout.WebsiteState, want layout.Pushed) (layout.WebsitePlan, error) {
	err := forwardS3(have.Pushed, want)
	if have.Overtaken && err != nil {
		want, err = have.Pushed, nil
	}
	if err == nil {
		err = ours(have, want)
	}
	if err != nil {
		return layout.WebsitePlan{}, err
	}
	var plan layout.WebsitePlan
	unsure := slices.Compact(slices.Sorted(slices.Values(slices.Concat(have.Pushed.Unsure, have.Doubt))))
	for _, key := range slices.Sorted(maps.Keys(want.Redirections)) {
		to := want.Redirections[key]
		if _, doubted := slices.BinarySearch(unsure, key); doubted || have.Pushed.Redirections[key] != to {
			plan.Set = append(plan.Set, layout.Redirection{Key: key, Location: to})
		}
	}
	plan.Remove = unwanted(have.Pushed.Redirections, unsure, want.Redirections)
	// What was read of the configuration may be from before the record.
	sum := want.Website.Digest()
	if have.Website == nil || have.Website.Digest() != sum || have.Pushed.Version > 0 && have.Pushed.Website.Digest() != sum {
		plan.Website = &want.Website
	}
	return withRecords(plan, have, want), nil
}

// forwardS3 refuses to go back.
func forwardS3(have, want layout.Pushed) error {
	for _, base := range slices.Sorted(maps.Keys(want.Log)) {
		if have.Log[base] > want.Log[base] {
			return fmt.Errorf("%s: log entry %d is in force, the table here has %d: %w", base, have.Log[base], want.Log[base], ErrOlder)
		}
	}
	return nil
}

// ours refuses to replace a configuration that datestone did not make, and
// says what there is. One that says nothing but what ours says, too, is lost
// to nobody.
func ours(have layout.WebsiteState, want layout.Pushed) error {
	w := have.Website
	if w == nil || len(w.RoutingRules)+len(w.Others) == 0 && w.IndexDocument == want.Website.IndexDocument {
		return nil
	}
	sum := w.Digest()
	if sum == want.Website.Digest() || have.Pushed.Version > 0 && sum == have.Pushed.Website.Digest() || slices.Contains(have.Pushed.Earlier, sum) {
		return nil
	}
	what := append([]string{fmt.Sprintf("%d routing rules", len(w.RoutingRules))}, w.Others...)
	return fmt.Errorf("it has %s: %w", strings.Join(what, ", "), ErrForeign)
}

// unwanted returns what may stand and must not, ascending.
func unwanted(stands map[string]string, unsure []string, want map[string]string) []string {
	var keys []string
	for key := range stands {
		if _, wanted := want[key]; !wanted {
			keys = append(keys, key)
		}
	}
	for _, key := range unsure {
		if _, wanted := want[key]; !wanted {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// maxEarlier is how many configurations are remembered. It is enough to know
// the one that a push put back which slept while others went on.
const maxEarlier = 16

// withRecords adds what the record says before all that, and after it.
func withRecords(plan layout.WebsitePlan, have layout.WebsiteState, want layout.Pushed) layout.WebsitePlan {
	next := layout.Pushed{Version: 1, Log: map[string]int{}, Earlier: earlier(have, want), Website: want.Website, Redirections: want.Redirections}
	// What a repository had that is configured no more stays: it may come back.
	maps.Copy(next.Log, have.Pushed.Log)
	maps.Copy(next.Log, want.Log)
	begin := next
	for _, r := range plan.Set {
		begin.Unsure = append(begin.Unsure, r.Key)
	}
	begin.Unsure = slices.Sorted(slices.Values(append(begin.Unsure, plan.Remove...)))
	if len(begin.Unsure) > 0 {
		plan.Done = &next
	}
	if !begin.Equal(have.Pushed) {
		plan.Begin = &begin
	}
	return plan
}

// earlier returns the configurations that next replaces, or those before it
// did, as far as datestone made them.
func earlier(have layout.WebsiteState, want layout.Pushed) []layout.Digest {
	all := slices.Clone(have.Pushed.Earlier)
	add := func(w layout.Website) {
		if sum := w.Digest(); sum != want.Website.Digest() && !slices.Contains(all, sum) {
			all = slices.Insert(all, 0, sum)
		}
	}
	if have.Website != nil {
		add(*have.Website)
	}
	if have.Pushed.Version > 0 {
		add(have.Pushed.Website)
	}
	return all[:min(len(all), maxEarlier)]
}
