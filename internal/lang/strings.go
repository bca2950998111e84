package lang

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

func startsWithFunction() function.Function {
	return affixFunction("prefix", strings.HasPrefix, func(known, affix string) bool {
		return len(known) >= len(affix)
	})
}

func endsWithFunction() function.Function { return affixFunction("suffix", strings.HasSuffix, nil) }

func strContainsFunction() function.Function {
	return affixFunction("substr", strings.Contains, nil)
}

// affixFunction makes a predicate of two strings. With enough it also answers for a string of which only the beginning
// is known, as soon as that is enough to tell.
func affixFunction(second string, test func(s, affix string) bool, enough func(known, affix string) bool) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{
			{Name: "str", Type: cty.String, AllowUnknown: true},
			{Name: second, Type: cty.String},
		},
		Type:         function.StaticReturnType(cty.Bool),
		RefineResult: notNull,
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			affix := args[1].AsString()
			if args[0].IsKnown() {
				return cty.BoolVal(test(args[0].AsString(), affix)), nil
			}
			if known := args[0].Range().StringPrefix(); enough != nil && enough(known, affix) {
				return cty.BoolVal(test(known, affix)), nil
			}
			return cty.UnknownVal(cty.Bool), nil
		},
	})
}

// replaceFunction takes a search text between slashes as a regular expression.
func replaceFunction() function.Function {
	return stringFunction(cty.String, func(a []string) (cty.Value, error) {
		str, search, with := a[0], a[1], a[2]
		if len(search) > 1 && strings.HasPrefix(search, "/") && strings.HasSuffix(search, "/") {
			re, err := regexp.Compile(search[1 : len(search)-1])
			if err != nil {
				return cty.NilVal, function.NewArgErrorf(1, "%s", err)
			}
			var out []byte
			end := 0
			for _, m := range re.FindAllStringSubmatchIndex(str, -1) {
				out = append(out, str[end:m[0]]...)
				out = re.ExpandString(out, with, str, m)
				if end = m[1]; len(out) > maxResultBytes {
					return cty.NilVal, errTooLong()
				}
			}
			return cty.StringVal(string(append(out, str[end:]...))), nil
		}
		if n := strings.Count(str, search); n > 0 && len(with) > 0 && n > maxResultBytes/len(with) {
			return cty.NilVal, errTooLong()
		}
		return cty.StringVal(strings.ReplaceAll(str, search, with)), nil
	}, "str", "substr", "replace")
}

func errTooLong() error {
	return fmt.Errorf("the result would be longer than %d MiB", maxResultBytes>>20)
}

// checkJoin limits the length of the result.
func checkJoin(args []cty.Value) error {
	sep, ok := text(args[0])
	if !ok {
		return nil
	}
	total := 0
	for _, list := range args[1:] {
		list, _ = list.Unmark()
		if !list.IsKnown() || list.IsNull() || !list.CanIterateElements() {
			continue
		}
		for it := list.ElementIterator(); it.Next(); {
			_, e := it.Element()
			s, _ := text(e)
			if total += len(s) + len(sep); total > maxResultBytes {
				return errTooLong()
			}
		}
	}
	return nil
}

// checkIndent limits the indentation.
func checkIndent(args []cty.Value) error {
	n, _ := args[0].Unmark()
	if n.IsKnown() && !n.IsNull() && n.Type() == cty.Number && n.GreaterThan(cty.NumberIntVal(1000)).True() {
		return function.NewArgErrorf(0, "lines cannot be indented by more than 1000 spaces")
	}
	return nil
}

// checkWidths refuses widths and precisions with which a short format would fill the memory. They stand between the
// percent sign and the letter of a verb.
func checkWidths(args []cty.Value) error {
	format, _ := text(args[0])
	for _, verb := range strings.Split(strings.ReplaceAll(format, "%%", ""), "%")[1:] {
		digits := 0
		for _, c := range verb {
			if c >= '0' && c <= '9' {
				digits++
			} else if digits = 0; unicode.IsLetter(c) {
				break
			}
			if digits > 4 {
				return function.NewArgErrorf(0, "a width or precision cannot have more than four digits")
			}
		}
	}
	return nil
}
