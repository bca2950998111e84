package lang

import (
	"slices"
	"strings"

	"github.com/zclconf/go-cty/cty/function"
)

// FunctionDoc tells people what a function does.
type FunctionDoc struct {
	Name string
	// Group is the heading under which the function is listed: "numbers", "strings", "collections", "encoding",
	// "hashes", "files", "times", "networks", "conversion" or "not available".
	Group string
	// Signature is the name with the names of the parameters; those in brackets may be left out, those with dots may be
	// given any number of times.
	Signature string
	// Description is one or more sentences.
	Description string
	// Example is an expression and Result what it evaluates to, written as an expression.
	Example, Result string
	// Refused says, for a function that is known elsewhere and left out here, why and what to do instead. Such a
	// function has no example.
	Refused string
}

// docEntry is a row of the tables.
type docEntry struct{ name, description, example, result string }

// Documentation describes every function, those of the group "not available" last, by group and name. The slice
// belongs to the caller.
func Documentation() []FunctionDoc {
	all := Functions(FunctionOptions{})
	var out []FunctionDoc
	for _, g := range []struct {
		name    string
		entries []docEntry
	}{
		{"numbers", numberDocs()}, {"strings", stringDocs()}, {"collections", collectionDocs()}, {"encoding", encodingDocs()}, {"hashes", hashDocs()},
		{"files", fileDocs()}, {"times", timeDocs()}, {"networks", networkDocs()}, {"conversion", conversionDocs()},
	} {
		for _, e := range g.entries {
			out = append(out, FunctionDoc{Name: e.name, Group: g.name, Signature: signature(e.name, all[e.name]),
				Description: e.description, Example: e.example, Result: e.result})
		}
	}
	for name, why := range refusals() {
		out = append(out, FunctionDoc{Name: name, Group: "not available", Signature: name + "(…)", Description: "Not available: " + why + ".", Refused: why})
	}
	groups := make(map[string]int)
	for _, d := range out {
		if _, ok := groups[d.Group]; !ok {
			groups[d.Group] = len(groups)
		}
	}
	slices.SortFunc(out, func(a, b FunctionDoc) int {
		if a.Group != b.Group {
			return groups[a.Group] - groups[b.Group]
		}
		return strings.Compare(a.Name, b.Name)
	})
	return out
}

// signature shows what a function takes.
func signature(name string, f function.Function) string {
	if s, ok := map[string]string{ // those with optional arguments, which the types do not show
		"lookup": "lookup(map, key, [default])",
		"range":  "range([start], limit, [step])",
	}[name]; ok {
		return s
	}
	var params []string
	for _, p := range f.Params() {
		params = append(params, p.Name)
	}
	if v := f.VarParam(); v != nil {
		params = append(params, v.Name+"...")
	}
	return name + "(" + strings.Join(params, ", ") + ")"
}

func numberDocs() []docEntry {
	return []docEntry{
		{"abs", "The number without its sign.", `abs(-12.4)`, `12.4`},
		{"ceil", "The next whole number that is not smaller.", `ceil(5.1)`, `6`},
		{"floor", "The next whole number that is not greater.", `floor(4.9)`, `4`},
		{"log", "The logarithm of a number to a base. Computed with 64-bit floating point, unlike other arithmetic.", `log(16, 2)`, `4`},
		{"max", "The greatest of the numbers. Use `max(list...)` for a list.", `max(12, 54, 3)`, `54`},
		{"min", "The smallest of the numbers. Use `min(list...)` for a list.", `min(12, 54, 3)`, `3`},
		{"parseint", "Reads a whole number written to a base from 2 to 62.", `parseint("ff", 16)`, `255`},
		{"pow", "The first number to the power of the second. Computed with 64-bit floating point, unlike other arithmetic.", `pow(2, 10)`, `1024`},
		{"signum", "-1, 0 or 1, depending on the sign of the number.", `signum(-13)`, `-1`},
		{"sum", "Adds up the numbers of a list, set or tuple with at least one element.", `sum([10, 13, 6, 4.5])`, `33.5`},
	}
}

func timeDocs() []docEntry {
	return []docEntry{
		{"formatdate", "Writes an RFC 3339 time in another form, such as `DD MMM YYYY hh:mm ZZZ`.", `formatdate("DD MMM YYYY", "2026-01-02T23:12:01Z")`, `"02 Jan 2026"`},
		{"plantimestamp", "The time of the plan, in RFC 3339. An apply of a saved plan gives the time of that plan again.", `plantimestamp()`, `"2026-02-03T04:05:06Z"`},
		{"timeadd", "Adds a duration such as `10m` or `-1h30m` to an RFC 3339 time.", `timeadd("2026-11-22T00:00:00Z", "10m")`, `"2026-11-22T00:10:00Z"`},
		{"timecmp", "Compares two RFC 3339 times: -1 when the first is earlier, 0 when they are the same moment, else 1.",
			`timecmp("2026-11-22T01:00:00Z", "2026-11-22T02:00:00+01:00")`, `0`},
	}
}

func networkDocs() []docEntry {
	return []docEntry{
		{"cidrcontains", "Says whether an address or a whole network lies inside a network.", `cidrcontains("10.0.0.0/8", "10.2.0.0/16")`, `true`},
		{"cidrhost", "The address with a number inside a network; negative numbers count from its end.", `cidrhost("10.12.112.0/20", 16)`, `"10.12.112.16"`},
		{"cidrnetmask", "The network mask of an IPv4 network in dotted form.", `cidrnetmask("172.16.0.0/12")`, `"255.240.0.0"`},
		{"cidrsubnet", "One subnet of a network: its prefix grows by so many bits, which hold the number of the subnet.", `cidrsubnet("172.16.0.0/12", 4, 2)`, `"172.18.0.0/16"`},
		{"cidrsubnets", "Consecutive subnets of a network, each with a prefix that is so many bits longer.", `cidrsubnets("10.1.0.0/16", 4, 8)`, `["10.1.0.0/20", "10.1.16.0/24"]`},
	}
}

func conversionDocs() []docEntry {
	return []docEntry{
		{"can", "Says whether an expression has a value: false when its evaluation fails.", `can(tonumber("x"))`, `false`},
		{"ephemeralasnull", "Replaces every ephemeral value, also inside others, by null.", `ephemeralasnull("kept")`, `"kept"`},
		{"issensitive", "Says whether a value is sensitive.", `issensitive(sensitive("x"))`, `true`},
		{"nonsensitive", "Takes the mark off a sensitive value, which is then shown. What is sensitive inside of it stays so.", `issensitive(nonsensitive(sensitive("x")))`, `false`},
		{"sensitive", "Marks a value as sensitive, so that it and what is made of it is not shown or stored.", `issensitive(upper(sensitive("x")))`, `true`},
		{"tobool", "Converts \"true\" and \"false\" to a bool.", `tobool("true")`, `true`},
		{"tolist", "Converts a set or tuple to a list; elements of different types become strings, if they can.", `tolist(["a", 1])`, `["a", "1"]`},
		{"tomap", "Converts an object to a map; elements of different types become strings, if they can.", `tomap({ a = "x", b = true })`, `{ a = "x", b = "true" }`},
		{"tonumber", "Converts a string that holds a number to that number.", `tonumber("1.5")`, `1.5`},
		{"toset", "Converts a list or tuple to a set, which has each element once.", `toset(["b", "a", "b"])`, `["a", "b"]`},
		{"tostring", "Converts a number or a bool to a string.", `tostring(true)`, `"true"`},
		{"try", "The value of the first expression whose evaluation does not fail.", `try({ a = 1 }.b, "fallback")`, `"fallback"`},
	}
}
