package config

import (
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/meshplan/meshplan/internal/diag"
)

const (
	// CodeUnreadable: a file or the directory cannot be read, or is too large.
	CodeUnreadable diag.Code = "config.unreadable"
	// CodeNoConfiguration: the directory holds no configuration file.
	CodeNoConfiguration diag.Code = "config.no-configuration"
	// CodeSyntax: the text of a file is not HCL or JSON.
	CodeSyntax diag.Code = "config.syntax"
	// CodeUnknownBlock: a block has a type that does not exist at this place.
	CodeUnknownBlock diag.Code = "config.unknown-block"
	// CodeUnsupported: a block or argument is known, from Terraform or from a later version, but not supported.
	CodeUnsupported diag.Code = "config.unsupported"
	// CodeLabels: a block has too few or too many labels.
	CodeLabels diag.Code = "config.labels"
	// CodeUnknownArgument: an argument has a name that does not exist at this place.
	CodeUnknownArgument diag.Code = "config.unknown-argument"
	// CodeMissingArgument: a block lacks an argument that it must have.
	CodeMissingArgument diag.Code = "config.missing-argument"
	// CodeInvalidName: a name is not an identifier, or is reserved.
	CodeInvalidName diag.Code = "config.invalid-name"
	// CodeDuplicate: two declarations have one name.
	CodeDuplicate diag.Code = "config.duplicate"
	// CodeConflict: two arguments exclude each other.
	CodeConflict diag.Code = "config.conflict"
	// CodeInvalidArgument: an argument that is needed while loading has an unsuitable value, or refers to something.
	CodeInvalidArgument diag.Code = "config.invalid-argument"
	// CodeUnknownProvider: a resource chooses a provider configuration that is not declared.
	CodeUnknownProvider diag.Code = "config.unknown-provider"
	// CodeModuleSource: the source of a module call is not a directory with configuration.
	CodeModuleSource diag.Code = "config.module-source"
	// CodeModuleCycle: a module calls itself, directly or through others.
	CodeModuleCycle diag.Code = "config.module-cycle"
	// CodeModuleLimit: the tree of modules is larger than what meshplan reads.
	CodeModuleLimit diag.Code = "config.module-limit"
	// CodeProviderPassing: a module call passes too many or too few provider configurations to the module.
	CodeProviderPassing diag.Code = "config.provider-passing"
	// CodeRootOnly: a called module has a block or argument that only the root module can have.
	CodeRootOnly diag.Code = "config.root-only"
	// CodeStillDeclared: a moved or removed block names something that the configuration still declares.
	CodeStillDeclared diag.Code = "config.still-declared"
	// CodeTooMany: there are more findings than are reported.
	CodeTooMany diag.Code = "config.too-many-findings"
	// CodeVersion: the running version does not meet required_version.
	CodeVersion diag.Code = "config.version"
	// CodeMissingValue: a variable without a default was given no value.
	CodeMissingValue diag.Code = "variable.missing"
	// CodeUndeclared: a value was given to a variable that does not exist.
	CodeUndeclared diag.Code = "variable.undeclared"
	// CodeInvalidVariable: a value does not suit the variable's type, or cannot be read.
	CodeInvalidVariable diag.Code = "variable.invalid"
	// CodeValidation: a value fails a validation rule of its variable.
	CodeValidation diag.Code = "variable.validation"
	// CodeIgnoredFile: a file looks like a variable file but its name is not one that is read.
	CodeIgnoredFile diag.Code = "variable.ignored-file"
)

// coded gives HCL's own diagnostics the codes that they lack. HCL offers nothing but the summary to tell them apart; one
// that is not listed gets the fallback, so that none stays without.
func coded(ds hcl.Diagnostics, fallback diag.Code) hcl.Diagnostics {
	for _, d := range ds {
		if d.Extra != nil {
			continue
		}
		code := fallback
		switch s := d.Summary; {
		case s == "Unsupported block type" || strings.HasPrefix(s, "Unexpected ") && strings.HasSuffix(s, " block"):
			code = CodeUnknownBlock
		case s == "Unsupported argument" || s == "Extraneous JSON object property":
			code = CodeUnknownArgument
		case s == "Missing required argument":
			code = CodeMissingArgument
		case s == "Duplicate argument" || s == "Duplicate attribute definition" || s == "Attribute redefined":
			code = CodeDuplicate
		case s == "Missing block label" || strings.HasPrefix(s, "Extraneous label for ") || strings.HasPrefix(s, "Missing ") && strings.Contains(s, " for "):
			code = CodeLabels
		}
		d.Extra = diag.Extra{Code: code}
	}
	return ds
}
