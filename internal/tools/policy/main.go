// Command policy evaluates Rego rules on a JSON document, as conftest does: it prints what the sets `deny` and `warn` of
// package main hold, as JSON. Tests use it to hold the rules of examples/ci to real plans. It is a program of this module,
// because the library that evaluates is larger than meshplan.
//
//	go run ./policy RULES.rego DOCUMENT.json
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/open-policy-agent/opa/v1/rego"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: policy RULES.rego DOCUMENT.json")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(rules, document string) error {
	b, err := os.ReadFile(document)
	if err != nil {
		return err
	}
	var input any
	if err := json.Unmarshal(b, &input); err != nil {
		return fmt.Errorf("%s: %w", document, err)
	}
	out := map[string]any{}
	for _, set := range []string{"deny", "warn"} {
		result, err := rego.New(rego.Query("data.main."+set), rego.Load([]string{rules}, nil), rego.Input(input), rego.Strict(true)).Eval(context.Background())
		if err != nil {
			return err
		}
		if len(result) == 1 && len(result[0].Expressions) == 1 {
			out[set] = result[0].Expressions[0].Value
		}
	}
	return json.NewEncoder(os.Stdout).Encode(out)
}
