// Package archtest holds the tests that keep the shape of this repository: who may import whom, what every package must
// say about itself, and what may lie where. It has no code of its own.
//
// The central idea: a rule that is not checked is a wish. The rules are tables in rules_test.go, and each violation is
// reported with the place and with what to do about it. A rule that stands in the way of a better design is changed
// there, in the open, together with the design.
//
// The checks read the source tree and never build it, so they take a fraction of a second. Nested modules (directories
// with a go.mod of their own) answer for their code themselves; only the rules on texts reach into them.
package archtest
