package lang

import (
	"errors"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// refusals are functions that people know and that are left out on purpose, with the reason.
func refusals() map[string]string {
	return map[string]string{
		"timestamp":  "its result would differ in every plan, so that no plan could be empty; plantimestamp() is the time of the plan",
		"uuid":       "its result would differ in every plan, so that no plan could be empty; uuidv5 derives a UUID from a name",
		"bcrypt":     "its result would differ in every plan, so that no plan could be empty; compute the hash once and pass it in as a sensitive variable",
		"rsadecrypt": "a private key does not belong into a configuration; pass the plain text in as a sensitive variable",
		"abspath":    "absolute paths differ between machines and files are read only from the directories of the modules; use a relative path",
		"pathexpand": "the home directory differs between machines and files are read only from the directories of the modules; use a relative path",
		"list":       "it is not there; write the elements in brackets, as in [\"a\", \"b\"]",
		"map":        "it is not there; write the pairs in braces, as in { a = 1 }",
		"type":       "it is for interactive use only; issensitive, can and the to… functions say what a value is",
	}
}

// refusedFunctions say why they are not there and what to do instead, where an unknown name would only be called
// unknown.
func refusedFunctions() map[string]function.Function {
	out := make(map[string]function.Function)
	for name, why := range refusals() {
		out[name] = function.New(&function.Spec{
			VarParam: anything(),
			Type:     func([]cty.Value) (cty.Type, error) { return cty.NilType, errors.New(why) },
			Impl:     func([]cty.Value, cty.Type) (cty.Value, error) { return cty.NilVal, errors.New(why) },
		})
	}
	return out
}
