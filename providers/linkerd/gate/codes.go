package gate

import "github.com/meshplan/meshplan/internal/diag"

const (
	// CodeNotProved: the statement did not hold within the timeout; the text says what contradicts it.
	CodeNotProved diag.Code = "linkerd.gate.not-proved"
	// CodeNoData: too little was measured to say whether the statement holds.
	CodeNoData diag.Code = "linkerd.gate.no-data"
	// CodeNoNamespace: the namespace that a data source is about does not exist.
	CodeNoNamespace diag.Code = "linkerd.gate.no-namespace"
)
