package lang

import (
	"maps"
	"slices"
	"time"

	"github.com/hashicorp/hcl/v2/ext/customdecode"
	"github.com/hashicorp/hcl/v2/ext/tryfunc"
	ctyyaml "github.com/zclconf/go-cty-yaml"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

// FunctionOptions says what functions may see of the world.
type FunctionOptions struct {
	// BaseDir is the directory of the root module, from which functions may read, symbolic links included. Relative
	// paths start there. Empty means that there are no files: every function that reads one reports an error.
	BaseDir string
	// AlsoBelow are further directories from which functions may read: the one of the module whose expression runs,
	// when it is not below BaseDir. Like BaseDir they are absolute or relative to the working directory; expressions
	// name files in them by a path relative to BaseDir, which is what path.module gives.
	AlsoBelow []string
	// Now gives the time of the plan for plantimestamp. It is called at every use, so it must return the same time
	// during one run. Nil makes plantimestamp unknown, as it is while validating.
	Now func() time.Time
}

// MaxFileBytes is the size of the largest file, and of the largest unpacked text, that a function reads.
const MaxFileBytes = 16 << 20

// maxResultBytes is the size of the largest text that join, replace or indent make.
const maxResultBytes = 64 << 20

// Functions returns the functions of the language by name: those of Terraform with the same results, less those that
// would make every plan differ, plus manifests and x509_certificate. Each is there under its name and under
// `core::name`. The map belongs to the caller; the functions are safe for concurrent use.
func Functions(o FunctionOptions) map[string]function.Function {
	all := make(map[string]function.Function, 256)
	files := newConfined(o.BaseDir, o.AlsoBelow)
	for _, group := range []map[string]function.Function{
		numericFunctions(), stringFunctions(), collectionFunctions(), encodingFunctions(), hashFunctions(files), fileFunctions(files),
		timeFunctions(o.Now), networkFunctions(), conversionFunctions(), refusedFunctions(),
	} {
		maps.Copy(all, group)
	}
	all["manifests"] = manifestsFunction(files)
	all["x509_certificate"] = certificateFunction()
	checks := argumentChecks()
	for name, f := range all {
		if !lazy(f) {
			all[name] = guarded(f, checks[name])
		}
	}
	addNamespace(all)
	addTemplates(all, files, 0)
	return maps.Clone(all) // templates go on using all
}

// namespace is what Terraform calls the functions of the language itself.
const namespace = "core::"

func addNamespace(all map[string]function.Function) {
	for _, name := range slices.Collect(maps.Keys(all)) {
		all[namespace+name] = all[name]
	}
}

// argumentChecks are the limits on arguments with which a function would fill the memory.
func argumentChecks() map[string]func([]cty.Value) error {
	return map[string]func([]cty.Value) error{
		"format":     checkWidths,
		"formatlist": checkWidths,
		"indent":     checkIndent,
		"join":       checkJoin,
		"jsondecode": checkText(checkJSONText),
		"setproduct": checkProduct,
		"yamldecode": checkText(checkYAMLText),
	}
}

// lazy reports whether a function gets its arguments as unevaluated expressions, which have no marks.
func lazy(f function.Function) bool {
	params := f.Params()
	if v := f.VarParam(); v != nil {
		params = append(params, *v)
	}
	return slices.ContainsFunc(params, func(p function.Parameter) bool { return p.Type == customdecode.ExpressionClosureType })
}

func numericFunctions() map[string]function.Function {
	return map[string]function.Function{
		"abs":      stdlib.AbsoluteFunc,
		"ceil":     stdlib.CeilFunc,
		"floor":    stdlib.FloorFunc,
		"log":      stdlib.LogFunc,
		"max":      stdlib.MaxFunc,
		"min":      stdlib.MinFunc,
		"parseint": stdlib.ParseIntFunc,
		"pow":      stdlib.PowFunc,
		"signum":   stdlib.SignumFunc,
		"sum":      sumFunction(),
	}
}

func stringFunctions() map[string]function.Function {
	return map[string]function.Function{
		"chomp":       stdlib.ChompFunc,
		"endswith":    endsWithFunction(),
		"format":      stdlib.FormatFunc,
		"formatlist":  formatListFunction(),
		"indent":      stdlib.IndentFunc,
		"join":        stdlib.JoinFunc,
		"lower":       stdlib.LowerFunc,
		"regex":       stdlib.RegexFunc,
		"regexall":    stdlib.RegexAllFunc,
		"replace":     replaceFunction(),
		"split":       stdlib.SplitFunc,
		"startswith":  startsWithFunction(),
		"strcontains": strContainsFunction(),
		"strrev":      stdlib.ReverseFunc,
		"substr":      stdlib.SubstrFunc,
		"title":       stdlib.TitleFunc,
		"trim":        stdlib.TrimFunc,
		"trimprefix":  stdlib.TrimPrefixFunc,
		"trimspace":   stdlib.TrimSpaceFunc,
		"trimsuffix":  stdlib.TrimSuffixFunc,
		"upper":       stdlib.UpperFunc,
	}
}

func collectionFunctions() map[string]function.Function {
	return map[string]function.Function{
		"alltrue":         quantifier(false),
		"anytrue":         quantifier(true),
		"chunklist":       stdlib.ChunklistFunc,
		"coalesce":        coalesceFunction(),
		"coalescelist":    stdlib.CoalesceListFunc,
		"compact":         stdlib.CompactFunc,
		"concat":          stdlib.ConcatFunc,
		"contains":        containsFunction(),
		"distinct":        stdlib.DistinctFunc,
		"element":         elementFunction(),
		"flatten":         stdlib.FlattenFunc,
		"index":           indexFunction(),
		"keys":            stdlib.KeysFunc,
		"length":          lengthFunction(),
		"lookup":          lookupFunction(),
		"matchkeys":       matchKeysFunction(),
		"merge":           stdlib.MergeFunc,
		"one":             oneFunction(),
		"range":           stdlib.RangeFunc, // at most 1024 elements
		"reverse":         reverseFunction(),
		"setintersection": stdlib.SetIntersectionFunc,
		"setproduct":      stdlib.SetProductFunc,
		"setsubtract":     stdlib.SetSubtractFunc,
		"setunion":        stdlib.SetUnionFunc,
		"slice":           stdlib.SliceFunc,
		"sort":            stdlib.SortFunc,
		"transpose":       transposeFunction(),
		"values":          stdlib.ValuesFunc,
		"zipmap":          stdlib.ZipmapFunc,
	}
}

func encodingFunctions() map[string]function.Function {
	return map[string]function.Function{
		"base64decode":     base64DecodeFunction(),
		"base64encode":     base64EncodeFunction(),
		"base64gunzip":     base64GunzipFunction(),
		"base64gzip":       base64GzipFunction(),
		"csvdecode":        stdlib.CSVDecodeFunc,
		"jsondecode":       stdlib.JSONDecodeFunc,
		"jsonencode":       stdlib.JSONEncodeFunc,
		"textdecodebase64": textDecodeFunction(),
		"textencodebase64": textEncodeFunction(),
		"urldecode":        urlDecodeFunction(),
		"urlencode":        urlEncodeFunction(),
		"yamldecode":       yamlDecodeFunction(),
		"yamlencode":       ctyyaml.YAMLEncodeFunc,
	}
}

func conversionFunctions() map[string]function.Function {
	return map[string]function.Function{
		"can":             tryfunc.CanFunc,
		"ephemeralasnull": ephemeralAsNullFunction(),
		"issensitive":     isSensitiveFunction(),
		"nonsensitive":    nonsensitiveFunction(),
		"sensitive":       sensitiveFunction(),
		"tobool":          stdlib.MakeToFunc(cty.Bool),
		"tolist":          toList(),
		"tomap":           toMap(),
		"tonumber":        stdlib.MakeToFunc(cty.Number),
		"toset":           toSet(),
		"tostring":        stdlib.MakeToFunc(cty.String),
		"try":             tryfunc.TryFunc,
	}
}
