// Package conformance holds what the language must do, as files: expressions with their values, and whole configurations
// with the plan, the outputs or the error that they give.
//
// The central idea: whoever knows Terraform must not be surprised, so that what Terraform says decides. The values in
// testdata/expressions were recorded from it and are compared with ours at every run of the tests; `make conformance`
// asks the terraform or tofu on the machine again, if there is one, and compares all three. Where the two differ on
// purpose, a table says so and why.
//
//	internal/conformance/testdata/expressions/NAME.txt    one expression a line
//	internal/conformance/testdata/expressions/NAME.want   the same with values, as Terraform computes them
//	internal/conformance/testdata/cases/NAME/             *.mesh.hcl, plan.txt, outputs.json or error.txt
package conformance
