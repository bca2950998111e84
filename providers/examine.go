package providers

import (
	"context"

	"github.com/hashicorp/hcl/v2"
)

// Examiner is the optional capability of a configured Provider to say whether the system is fit for its work: what runs there, in
// which version, what is broken or about to end. Examine is called when the system is known to answer; it writes nothing. An
// error in the diagnostics says that nothing more can be known.
type Examiner interface {
	Examine(ctx context.Context) ([]Examination, hcl.Diagnostics)
}

// Examination is one thing that was looked at.
type Examination struct {
	Health Health
	// Text says what was found, in a line without a full stop.
	Text string
	// Advice says in whole sentences what to do about it; it may be empty. Neither holds a secret.
	Advice string
}

// Health says whether something can be worked with. The zero value is invalid.
type Health uint8

// What examinations come to.
const (
	Fit      Health = iota + 1 // nothing stands in the way
	Doubtful                   // it works now and needs attention
	Unfit                      // a run would fail, or do harm
)

// Asker is the optional capability of an Authorizer to ask the system whether the credentials may do something.
type Asker interface {
	// Ask is about a right with one verb, and one name or one URL at most: no name means all objects. The right is complete, as
	// Authorize returns it.
	Ask(ctx context.Context, right Right) (allowed bool, ds hcl.Diagnostics)
}
