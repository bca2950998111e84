package lang

import "github.com/meshplan/meshplan/internal/diag"

const (
	// CodeInvalidReference: an expression names something that cannot exist, or only half of a name.
	CodeInvalidReference diag.Code = "config.invalid-reference"
	// CodeTooComplex: an expression is nested so deeply that reading it could exhaust the memory.
	CodeTooComplex diag.Code = "config.too-complex"
)
