package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/meshplan/meshplan/internal/diag"
)

// reworded turns what HCL finds wrong with the content of a block into what to do about it. A missing argument that was
// only misspelled is reported once, where it was misspelled.
func reworded(ds hcl.Diagnostics, s *hcl.BodySchema) hcl.Diagnostics {
	meant := map[string]bool{}
	for _, d := range ds {
		name := quoted(d.Detail)
		switch code := diag.CodeOf(d); {
		case code == CodeLabels:
			d.Detail = labelHint(d, s)
		case code == CodeUnknownBlock && !strings.Contains(d.Detail, "Did you mean"):
			d.Detail += suggestion(name, s)
		case code == CodeUnknownArgument && len(s.Attributes) == 0 && !strings.Contains(d.Detail, "Did you mean"):
			d.Detail += " Values that several blocks use stand in a block \"locals\"."
		case code == CodeUnknownArgument && !strings.Contains(d.Detail, "Did you mean"):
			d.Detail += suggestion(name, s)
		case code == CodeMissingArgument:
			d.Detail = fmt.Sprintf("The block needs the argument %q. Add a line: %s = ….", name, name)
		}
		if _, hint, ok := strings.Cut(d.Detail, "Did you mean"); ok {
			meant[quoted(hint)] = true
		}
	}
	return slices.DeleteFunc(ds, func(d *hcl.Diagnostic) bool { return diag.CodeOf(d) == CodeMissingArgument && meant[quoted(d.Detail)] })
}

// quoted returns the first word in quotes.
func quoted(text string) string {
	_, rest, _ := strings.Cut(text, `"`)
	name, _, _ := strings.Cut(rest, `"`)
	return name
}

// suggestion proposes a name that exists, or lists those that do when they are few.
func suggestion(name string, s *hcl.BodySchema) string {
	var names []string
	for _, a := range s.Attributes {
		names = append(names, a.Name)
	}
	for _, b := range s.Blocks {
		names = append(names, b.Type)
	}
	slices.Sort(names)
	hint := diag.Suggest(name, names)
	if hint == "" && len(names) > 0 {
		return listed(" There are: ", names, "")
	}
	return hint
}

// labelHint shows the header that a block should have.
func labelHint(d *hcl.Diagnostic, s *hcl.BodySchema) string {
	words := strings.Fields(d.Summary)
	for _, b := range s.Blocks {
		if len(words) == 0 || b.Type != words[len(words)-1] {
			continue
		}
		header := b.Type
		for _, l := range b.LabelNames {
			header += fmt.Sprintf(" %q", strings.ToUpper(l))
		}
		return fmt.Sprintf("The header of this block must have the form: %s {.", header)
	}
	return d.Detail
}
