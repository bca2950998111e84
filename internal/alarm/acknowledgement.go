package alarm

import (
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"

	"github.com/meshplan/meshplan/internal/addr"
)

// Acknowledgement says that somebody knows of a drift and that it may stay until a date.
type Acknowledgement struct {
	// Target is the resource, instance or module; nil when only Finding and Object say what is meant.
	Target *addr.Target
	// Path names an attribute with everything in it; empty means the whole object, its disappearance included.
	Path string
	// Finding is the class of a finding, Object the object that it is about; empty means any. With a Finding the
	// acknowledgement is about findings only.
	Finding, Object string
	Reason, Owner   string
	// Until is when it ends: an acknowledgement that names a day holds to the end of that day, by UTC.
	Until time.Time
	Range hcl.Range
}

// Expired reports whether the acknowledgement has ended.
func (a *Acknowledgement) Expired(now time.Time) bool { return !now.Before(a.Until) }

// covers reports whether the acknowledgement is about an item, whatever the date. The item's address comes parsed; it is
// nil for an item without one.
func (a *Acknowledgement) covers(i Item, at *addr.Instance) bool {
	finding := strings.Contains(i.Kind, ".")
	if a.Target != nil && (at == nil || !a.Target.Contains(*at)) {
		return false
	}
	switch {
	case a.Finding != "":
		return finding && a.Finding == i.Kind && (a.Object == "" || a.Object == i.Path)
	case finding:
		return false
	}
	return a.Path == "" || a.Path == i.Path || strings.HasPrefix(i.Path, a.Path) && strings.ContainsRune(".[", rune(i.Path[len(a.Path)]))
}

// Acknowledged is an item with the acknowledgement that covers it.
type Acknowledged struct {
	Item
	By *Acknowledgement
}

// Division is a set of items by what acknowledgements say of them.
type Division struct {
	// Alarming are the items that nobody acknowledges, or not any more.
	Alarming []Item
	// Acknowledged are those that stay quiet.
	Acknowledged []Acknowledged
	// Lapsed are the alarming ones that an acknowledgement covered which has expired.
	Lapsed []Acknowledged
	// Expired are all acknowledgements that have ended, Unused those in force that cover nothing.
	Expired, Unused []*Acknowledgement
}

// Divide sorts items by what acknowledgements say of them. It costs O(items × acknowledgements), the second being
// written by hand.
func Divide(items []Item, list []*Acknowledgement, now time.Time) (d Division) {
	used := map[*Acknowledgement]bool{}
	for _, i := range sorted(items) {
		var at *addr.Instance
		if parsed, err := addr.Parse(i.Address); err == nil {
			at = &parsed
		}
		var valid, lapsed *Acknowledgement
		for _, a := range list {
			switch {
			case !a.covers(i, at):
			case a.Expired(now):
				lapsed = a
			default:
				used[a] = true
				if valid == nil || a.Until.After(valid.Until) {
					valid = a
				}
			}
		}
		switch {
		case valid != nil:
			d.Acknowledged = append(d.Acknowledged, Acknowledged{i, valid})
			continue
		case lapsed != nil:
			d.Lapsed = append(d.Lapsed, Acknowledged{i, lapsed})
		}
		d.Alarming = append(d.Alarming, i)
	}
	for _, a := range list {
		switch {
		case a.Expired(now):
			d.Expired = append(d.Expired, a)
		case !used[a]:
			d.Unused = append(d.Unused, a)
		}
	}
	return d
}
