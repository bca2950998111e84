package install

import (
	"encoding/json"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
)

// private is what is remembered about an installed chart; in a plan, what was observed. It holds no values.
type private struct {
	Chart json.RawMessage            `json:"chart,omitempty"` // of the chart's object set
	Hooks map[string]json.RawMessage `json:"hooks,omitempty"` // of each webhook's Secret
	Mark  json.RawMessage            `json:"mark,omitempty"`  // of the labels on the namespace
	// Kubernetes is the version for which the chart was rendered.
	Kubernetes string `json:"kubernetes,omitempty"`
}

func decodePrivate(b []byte) (p private, ds hcl.Diagnostics) {
	if len(b) > 0 {
		if err := json.Unmarshal(b, &p); err != nil {
			return p, diag.FromError(kube.CodeRecord, "Record cannot be read", err, nil)
		}
	}
	if p.Hooks == nil {
		p.Hooks = map[string]json.RawMessage{}
	}
	return p, nil
}

func (p private) encode() []byte {
	if len(p.Chart) == 0 {
		p.Chart = nil
	}
	if len(p.Mark) == 0 {
		p.Mark = nil
	}
	out, err := json.Marshal(p)
	if err != nil {
		panic(err) // every part comes from an encoder
	}
	return out
}

// step returns s with checkpoints that record the whole of p, where the object set knows only its own part. A nil s
// stays nil.
func (p private) step(s providers.Step) providers.Step {
	if s == nil {
		return nil
	}
	return wholeStep{s, p}
}

type wholeStep struct {
	providers.Step
	private private
}

// Checkpoint implements providers.Step.
func (s wholeStep) Checkpoint(value cty.Value, record []byte) error {
	s.private.Chart = record
	return s.Step.Checkpoint(value, s.private.encode())
}
