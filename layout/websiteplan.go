package layout

// A WebsiteState is what is known of the web site of a bucket.
type WebsiteState struct {
	Pushed  Pushed   // Version 0: nothing was ever pushed
	Website *Website // that is in force; nil without any
	// Overtaken says that another pushed more while this push was under way,
	// and Doubt names the keys that this one wrote or deleted, perhaps after
	// the other.
	Overtaken bool
	Doubt     []string
}

// Adopt returns s with the configuration in force taken for our own, so that
// it may be replaced.
func (s WebsiteState) Adopt() WebsiteState {
	if s.Website != nil {
		s.Pushed.Earlier = append([]Digest{s.Website.Digest()}, s.Pushed.Earlier...)
	}
	return s
}

// A WebsitePlan is what must be sent, in this order. Begin and Done are written
// on the condition that what they replace is what the plan was made from.
type WebsitePlan struct {
	Begin   *Pushed // nil: it stands
	Set     []Redirection
	Website *Website // nil: it is in force
	Remove  []string // keys
	Done    *Pushed  // nil: Begin says it already
}

// Empty reports whether nothing must be sent.
func (p WebsitePlan) Empty() bool {
	return p.Begin == nil && p.Done == nil && p.Website == nil && len(p.Set)+len(p.Remove) == 0
}
