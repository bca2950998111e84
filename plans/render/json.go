package render

import (
	"encoding/json"
	"io"
	"time"

	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/plans"
)

// FormatVersion is the version of Terraform's plan representation that JSON writes.
const FormatVersion = "1.2"

// JSON writes the plan in Terraform's representation, so that tools which read that read this. Two things differ,
// both on purpose: secrets are null (before_sensitive and after_sensitive say where), and what Terraform has no word
// for stands under the key "meshplan". The text ends with a line break.
func JSON(w io.Writer, p *plans.Plan) error {
	b := newBuilder()
	out := jsonPlan{
		FormatVersion:      FormatVersion,
		Variables:          map[string]jsonVariable{},
		PlannedValues:      jsonValues{Outputs: map[string]jsonOutput{}},
		ResourceDrift:      []jsonResourceChange{},
		ResourceChanges:    []jsonResourceChange{},
		OutputChanges:      map[string]jsonChange{},
		PriorState:         jsonState{FormatVersion: "1.0", Values: jsonValues{Outputs: map[string]jsonOutput{}}},
		Configuration:      map[string]any{"provider_config": map[string]any{}, "root_module": map[string]any{}},
		RelevantAttributes: []any{},
		Checks:             []any{},
		Timestamp:          p.Created.UTC().Format(time.RFC3339),
		Applyable:          !p.Empty() && len(p.Unread) == 0 && !p.Offline,
		Errored:            len(p.Unread) > 0,
		Complete:           len(p.Targets) == 0 && len(p.Unread) == 0 && !p.Offline,
		Meshplan:           jsonExtension(p),
	}
	for _, v := range p.Base.Variables {
		out.Variables[v.Name] = jsonVariable{b.build(v.Value, nil).json()}
	}
	for _, c := range p.Changes {
		out.ResourceChanges = append(out.ResourceChanges, b.resourceChange(c))
		if before := b.before(c); !before.is(null) && c.Addr.Deposed == "" {
			out.PriorState.Values.RootModule.add(c, before)
		}
		if after := b.build(c.After, c.AfterSecret); !after.is(null) {
			out.PlannedValues.RootModule.add(c, after)
		}
	}
	for _, c := range p.Drift {
		out.ResourceDrift = append(out.ResourceDrift, b.resourceChange(c))
	}
	for i := range p.Outputs {
		o := &p.Outputs[i]
		change := b.outputChange(o)
		out.OutputChanges[o.Name] = change
		if !absent(o.After) {
			out.PlannedValues.Outputs[o.Name] = jsonOutput{o.Sensitive, change.After}
		}
		if !absent(o.Before) {
			out.PriorState.Values.Outputs[o.Name] = jsonOutput{o.Sensitive, change.Before}
		}
	}
	return json.NewEncoder(w).Encode(&out)
}

func absent(v cty.Value) bool { return v == cty.NilVal || v.IsNull() }

type jsonPlan struct {
	FormatVersion      string                  `json:"format_version"`
	Variables          map[string]jsonVariable `json:"variables"`
	PlannedValues      jsonValues              `json:"planned_values"`
	ResourceDrift      []jsonResourceChange    `json:"resource_drift"`
	ResourceChanges    []jsonResourceChange    `json:"resource_changes"`
	OutputChanges      map[string]jsonChange   `json:"output_changes"`
	PriorState         jsonState               `json:"prior_state"`
	Configuration      map[string]any          `json:"configuration"`
	RelevantAttributes []any                   `json:"relevant_attributes"`
	Checks             []any                   `json:"checks"`
	Timestamp          string                  `json:"timestamp"`
	Applyable          bool                    `json:"applyable"`
	Complete           bool                    `json:"complete"`
	Errored            bool                    `json:"errored"`
	Meshplan           jsonMeshplan            `json:"meshplan"`
}

type jsonVariable struct {
	Value any `json:"value"`
}

type jsonState struct {
	FormatVersion string     `json:"format_version"`
	Values        jsonValues `json:"values"`
}

type jsonValues struct {
	Outputs    map[string]jsonOutput `json:"outputs"`
	RootModule jsonModule            `json:"root_module"`
}

type jsonOutput struct {
	Sensitive bool `json:"sensitive"`
	Value     any  `json:"value"`
}

type jsonAddress struct {
	Address       string `json:"address"`
	ModuleAddress string `json:"module_address,omitempty"`
	Mode          string `json:"mode"`
	Type          string `json:"type"`
	Name          string `json:"name"`
	Index         any    `json:"index,omitempty"`
}

func addressOf(a addr.Instance) jsonAddress {
	out := jsonAddress{Address: a.Current().String(), ModuleAddress: string(a.Module), Mode: "managed", Type: a.Type, Name: a.Name}
	if a.Mode == addr.Data {
		out.Mode = "data"
	}
	if n, ok := a.Key.Int(); ok {
		out.Index = n
	} else if s, ok := a.Key.Str(); ok {
		out.Index = s
	}
	return out
}

type jsonResource struct {
	jsonAddress
	ProviderName    string         `json:"provider_name"`
	SchemaVersion   int            `json:"schema_version"`
	Values          map[string]any `json:"values"`
	SensitiveValues any            `json:"sensitive_values"`
	DependsOn       []string       `json:"depends_on,omitempty"`
}

type jsonResourceChange struct {
	jsonAddress
	PreviousAddress string              `json:"previous_address,omitempty"`
	Deposed         string              `json:"deposed,omitempty"`
	ProviderName    string              `json:"provider_name"`
	Change          jsonChange          `json:"change"`
	ActionReason    string              `json:"action_reason,omitempty"`
	Meshplan        *jsonMeshplanChange `json:"meshplan,omitempty"`
}

// jsonImport names the object that is taken over.
type jsonImport struct {
	ID string `json:"id"`
}

type jsonChange struct {
	Actions         []string `json:"actions"`
	Before          any      `json:"before"`
	After           any      `json:"after"`
	AfterUnknown    any      `json:"after_unknown"`
	BeforeSensitive any      `json:"before_sensitive"`
	AfterSensitive  any      `json:"after_sensitive"`
	ReplacePaths    [][]any  `json:"replace_paths,omitempty"`

	Importing *jsonImport `json:"importing,omitempty"`
}

func (b *builder) resourceChange(c *plans.Change) jsonResourceChange {
	before, after := b.before(c), b.build(c.After, c.AfterSecret)
	previous := ""
	if !c.PreviousAddr.IsZero() {
		previous = c.PreviousAddr.Current().String()
	}
	var importing *jsonImport
	if c.Import != "" {
		importing = &jsonImport{c.Import}
	}
	return jsonResourceChange{
		PreviousAddress: previous, Deposed: c.Addr.Deposed,
		jsonAddress:  addressOf(c.Addr),
		ProviderName: c.Provider,
		ActionReason: terraformReason(c),
		Meshplan:     extendChange(c),
		Change: jsonChange{
			Actions: terraformActions(c), Before: before.json(), After: after.json(),
			AfterUnknown: orEmpty(after.flags(unknown)), BeforeSensitive: orEmpty(before.flags(secret)), AfterSensitive: orEmpty(after.flags(secret)),
			ReplacePaths: replacePaths(c.Replace), Importing: importing,
		},
	}
}

// orEmpty writes "nothing" for a whole resource as Terraform does.
func orEmpty(flags any) any {
	if flags == false {
		return map[string]any{}
	}
	return flags
}

func (b *builder) outputChange(o *plans.OutputChange) jsonChange {
	before, after := b.build(o.Before, nil), b.build(o.After, nil)
	if o.Sensitive {
		hide := func(n *node) *node {
			if n.is(null) || n.is(unknown) {
				return n
			}
			return &node{kind: secret}
		}
		before, after = hide(before), hide(after)
	}
	action := "update"
	switch {
	case !o.Changed():
		action = "no-op"
	case absent(o.Before):
		action = "create"
	case absent(o.After):
		action = "delete"
	}
	return jsonChange{
		Actions: []string{action}, Before: before.json(), After: after.json(),
		AfterUnknown: after.flags(unknown), BeforeSensitive: o.Sensitive, AfterSensitive: o.Sensitive,
	}
}

// terraformActions gives the order of a replacement by the order of the two words.
func terraformActions(c *plans.Change) []string {
	switch {
	case c.Action == plans.Replace && c.CreateFirst:
		return []string{"create", "delete"}
	case c.Action == plans.Replace:
		return []string{"delete", "create"}
	}
	return []string{c.Action.String()}
}

// terraformReason translates the reasons that Terraform has a word for.
func terraformReason(c *plans.Change) string {
	switch c.Reason {
	case plans.BecauseAttribute:
		return "replace_because_cannot_update"
	case plans.BecauseRequested:
		return "replace_by_request"
	case plans.BecauseTriggered:
		return "replace_by_triggers"
	case plans.BecauseNoConfig:
		return "delete_because_no_resource_config"
	case plans.BecauseNoKey:
		if _, counted := c.Addr.Key.Int(); counted {
			return "delete_because_count_index"
		}
		return "delete_because_each_key"
	case plans.BecauseDeferred:
		return "read_because_dependency_pending"
	}
	return ""
}

func replacePaths(paths []cty.Path) (out [][]any) {
	for _, p := range paths {
		steps := []any{}
		for _, s := range p {
			switch s := s.(type) {
			case cty.GetAttrStep:
				steps = append(steps, s.Name)
			case cty.IndexStep:
				steps = append(steps, newBuilder().build(s.Key, nil).json())
			}
		}
		out = append(out, steps)
	}
	return out
}
