package lang

import (
	"fmt"
	"strings"

	ctyyaml "github.com/zclconf/go-cty-yaml"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"go.yaml.in/yaml/v3"
)

// maxYAMLNodes is how many values a YAML text may have once its aliases are replaced by what they stand for.
const maxYAMLNodes = 1 << 20

// yamlDecodeFunction reads YAML, which can write numbers that nothing else can hold.
func yamlDecodeFunction() function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "src", Type: cty.String}},
		Type:   func(args []cty.Value) (cty.Type, error) { return ctyyaml.YAMLDecodeFunc.ReturnTypeForValues(args) },
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			v, err := ctyyaml.YAMLDecodeFunc.Call(args)
			if err != nil {
				return v, err
			}
			return cty.Transform(v, func(_ cty.Path, e cty.Value) (cty.Value, error) { return ordinary(e) })
		},
	})
}

// checkYAMLText refuses text whose aliases multiply into more than memory holds.
func checkYAMLText(s string) error {
	if err := checkYAMLDepth(s); err != nil {
		return err
	}
	if !strings.Contains(s, "*") {
		return nil // no alias, no multiplication
	}
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(s), &doc); err != nil {
		return err
	}
	if n := expandedNodes(&doc, make(map[*yaml.Node]int)); n > maxYAMLNodes {
		return fmt.Errorf("the aliases in the YAML text stand for more than %d values", maxYAMLNodes)
	}
	return nil
}

// expandedNodes counts with a limit, each node once.
func expandedNodes(n *yaml.Node, known map[*yaml.Node]int) int {
	if n == nil {
		return 0
	}
	if total, ok := known[n]; ok {
		return total
	}
	known[n] = maxYAMLNodes + 1 // an alias to a node around it would never end
	total := 1 + expandedNodes(n.Alias, known)
	for _, c := range n.Content {
		if total += expandedNodes(c, known); total > maxYAMLNodes {
			total = maxYAMLNodes + 1
			break
		}
	}
	known[n] = total
	return total
}

// checkYAMLDepth limits the levels of the flow style by its brackets and of the block style by the indentation of a
// line and its leading dashes and question marks, of which a line can hold many.
func checkYAMLDepth(s string) error {
	flow := 0
	for line := range strings.Lines(s) {
		if lead := len(line) - len(strings.TrimLeft(line, " -?\t")); lead > maxNesting {
			return errYAMLDepth()
		}
		flow += strings.Count(line, "[") + strings.Count(line, "{") - strings.Count(line, "]") - strings.Count(line, "}")
		if flow > maxNesting {
			return errYAMLDepth()
		}
	}
	return nil
}

func errYAMLDepth() error {
	return fmt.Errorf("the YAML text is nested more than %d levels deep", maxNesting)
}
