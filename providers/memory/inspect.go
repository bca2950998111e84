package memory

import (
	"context"
	"fmt"

	"github.com/hashicorp/hcl/v2"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/providers"
)

// CodeUnowned: an object of the world carries nobody's mark.
const CodeUnowned diag.Code = "memory.unowned"

// Inspect implements providers.Inspector: what nobody made through a state is found, and objects are counted.
func (p *provider) Inspect(_ context.Context, req providers.InspectRequest) (providers.Inspection, hcl.Diagnostics) {
	var out providers.Inspection
	if err := p.world.check("inspect", ""); err != nil {
		return out, hcl.Diagnostics{diag.Errorf(CodeFault, "Fault", "%s.", err)}
	}
	for _, name := range p.world.Names() {
		if o, ok := p.world.get(name); ok && o.Owner == "" {
			out.Findings = append(out.Findings, providers.Finding{
				Class: CodeUnowned, Severity: providers.SeverityDrift, Object: "object " + name, Summary: "Object that nobody owns",
				Detail: fmt.Sprintf("There is an object %q that no state has made.", name), Fix: "Import it, or remove it.",
			})
		}
	}
	labels := map[string]string{"lineage": req.Lineage}
	out.Gauges = []providers.Gauge{{Name: "memory_objects", Value: float64(len(p.world.Names())), Help: "Objects in the world."},
		{Name: "memory_recorded_objects", Labels: labels, Value: float64(len(req.Recorded)), Help: "Objects that the state records."}}
	return out, nil
}
