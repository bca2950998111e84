package providers

import "testing"

func TestInspectionSorts(t *testing.T) {
	var i Inspection
	i.Add(Inspection{Findings: []Finding{{Class: "b", Severity: SeverityNote}, {Class: "a", Severity: SeverityDrift, Object: "y"}}})
	i.Add(Inspection{
		Findings: []Finding{{Class: "a", Severity: SeverityDrift, Object: "x"}, {Class: "z", Severity: SeverityCritical}, {Class: "b", Severity: SeverityNote}},
		Gauges:   []Gauge{{Name: "n", Labels: map[string]string{"role": "issuer"}}, {Name: "n", Labels: map[string]string{"role": "anchor"}}, {Name: "m"}, {Name: "m"}},
	})
	i.Sort()
	var got string
	for _, f := range i.Findings {
		got += f.Severity.String() + " " + string(f.Class) + f.Object + "; "
	}
	for _, g := range i.Gauges {
		got += g.Name + g.Labels["role"] + "; "
	}
	if want := "critical z; drift ax; drift ay; note b; m; nanchor; nissuer; "; got != want {
		t.Errorf("sorted: %s, want %s", got, want)
	}
}
