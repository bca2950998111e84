package lang

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty-debug/ctydebug"
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/schema"
)

// eval evaluates an expression with some variables of every kind.
func eval(t testing.TB, dir, expr string) (cty.Value, hcl.Diagnostics) {
	t.Helper()
	e, ds := hclsyntax.ParseExpression([]byte(expr), "t.mesh.hcl", hcl.InitialPos)
	if ds.HasErrors() {
		t.Fatalf("%s: %v", expr, ds)
	}
	now := func() time.Time { return time.Date(2026, 2, 3, 4, 5, 6, 7, time.FixedZone("", 3600)) }
	return e.Value(&hcl.EvalContext{
		Functions: Functions(FunctionOptions{BaseDir: dir, Now: now}),
		Variables: map[string]cty.Value{
			"unknown":   cty.UnknownVal(cty.String),
			"uprefix":   cty.UnknownVal(cty.String).Refine().StringPrefixFull("pre-").NewValue(),
			"ulist":     cty.UnknownVal(cty.List(cty.String)),
			"secret":    cty.StringVal("hunter2").Mark(schema.Sensitive),
			"ephemeral": cty.StringVal("e").Mark(schema.Ephemeral),
			"null":      cty.NullVal(cty.String),
		},
	})
}

// Each expression has the value of the other, which uses no functions.
func TestFunctions(t *testing.T) {
	for expr, want := range map[string]string{
		// numbers
		`sum([1, 2.5, "3"])`:          `6.5`,
		`parseint("ff", 16)`:          `255`,
		`max(1, 3, 2)`:                `3`,
		`pow(2, 10)`:                  `1024`,
		`0.1 + 0.2 == 0.3`:            `true`,
		`12345678901234567890123 + 1`: `12345678901234567890124`,
		// strings
		`startswith("abc", "ab")`:                          `true`,
		`startswith("pre-${unknown}", "pre-")`:             `true`,
		`startswith("pre-${unknown}", "x")`:                `false`,
		`endswith("abc", "bc")`:                            `true`,
		`strcontains("abc", "x")`:                          `false`,
		`replace("1 + 2 + 3", "+", "-")`:                   `"1 - 2 - 3"`,
		`replace("hello world", "/(w.*)d/", "<$1>")`:       `"hello <worl>"`,
		`replace("abc", "/x*/", "-")`:                      `"-a-b-c-"`,
		`replace("a/b", "/", "-")`:                         `"a-b"`,
		`join(", ", ["a"], ["b", "c"])`:                    `"a, b, c"`,
		`format("%-5s|%05.1f|%d%%", "ab", 3.14159, 7)`:     `"ab   |003.1|7%"`,
		`title("hello world")`:                             `"Hello World"`,
		`trim("?!hello?!", "!?")`:                          `"hello"`,
		`chomp("a\r\n")`:                                   `"a"`,
		`regex("(?P<major>\\d+)\\.", "v1.2").major == "1"`: `true`,
		`regexall("[a-z]+", "1234abcd5678efgh9")`:          `["abcd", "efgh"]`,
		`substr("hello", -3, 2)`:                           `"ll"`,
		`strrev("añb")`:                                    `"bña"`,
		`indent(2, "a\nb")`:                                `"a\n  b"`,
		`formatlist("%s-%d", ["a", "b"], [1, 2])`:          `["a-1", "b-2"]`,
		// collections
		`coalesce("", null, "a", "b")`:           `"a"`,
		`coalesce(1, "")`:                        `"1"`,
		`coalescelist([], ["a"])`:                `["a"]`,
		`lookup({ a = 1 }, "a")`:                 `1`,
		`lookup({ a = 1, b = [] }, "c", "d")`:    `"d"`,
		`lookup(tomap({ a = 1 }), "b", 2)`:       `2`,
		`lookup({ a = unknown, b = 1 }, "b", 2)`: `1`,
		`length("añb")`:                          `3`,
		`length([1, 2])`:                         `2`,
		`length({ a = 1 })`:                      `1`,
		`length([unknown, "b"])`:                 `2`,
		`index(["a", "b"], "b")`:                 `1`,
		`one([])`:                                `null`,
		`one(["x"])`:                             `"x"`,
		`one(toset(["x"]))`:                      `"x"`,
		`matchkeys(["i1", "i2", "i3"], ["a", "b", "a"], ["a"])`: `["i1", "i3"]`,
		`transpose({ a = ["1", "2"], b = ["2"] })`:              `{ "1" = ["a"], "2" = ["a", "b"] }`,
		`alltrue([])`:                        `true`,
		`alltrue(["true", false])`:           `false`,
		`alltrue([false, unknown == "x"])`:   `false`,
		`anytrue([null, true])`:              `true`,
		`anytrue([])`:                        `false`,
		`merge({ a = 1, b = 2 }, { b = 3 })`: `{ a = 1, b = 3 }`,
		`flatten([["a"], [], [["b"]]])`:      `["a", "b"]`,
		`setproduct(["a", "b"], ["x"])`:      `[["a", "x"], ["b", "x"]]`,
		`zipmap(["a", "b"], [1, 2])`:         `{ a = 1, b = 2 }`,
		`range(3)`:                           `[0, 1, 2]`,
		`element(["a", "b"], 3)`:             `"b"`,
		`chunklist(["a", "b", "c"], 2)`:      `[["a", "b"], ["c"]]`,
		`sort(["b", "a"])`:                   `["a", "b"]`,
		`distinct(["a", "b", "a"])`:          `["a", "b"]`,
		`contains(["a"], "a")`:               `true`,
		`try(lookup({}, "x"), "fallback")`:   `"fallback"`,
		`can(tonumber("x"))`:                 `false`,
		// encoding
		`base64decode(base64encode("añ"))`: `"añ"`,
		`base64gunzip(base64gzip("text"))`: `"text"`,
		`urlencode("a b/ñ")`:               `"a+b%2F%C3%B1"`,
		`urldecode("a+b%2F")`:              `"a b/"`,
		`jsondecode("{\"a\":[1,null]}")`:   `{ a = [1, null] }`,
		`jsonencode({ a = [1, null] })`:    `"{\"a\":[1,null]}"`,
		`yamldecode("a: [1, on]")`:         `{ a = [1, true] }`,
		`yamldecode("a: &x [1]\nb: *x").b`: `[1]`,
		`yamlencode({ a = [1] })`:          `"\"a\":\n- 1\n"`,
		`csvdecode("a,b\n1,2")[0].b`:       `"2"`,
		// hashes, as sha256sum and others print them
		`sha256("hello")`:                  `"2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"`,
		`md5("hello")`:                     `"5d41402abc4b2a76b9719d911017c592"`,
		`sha1("hello")`:                    `"aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d"`,
		`base64sha256("hello")`:            `"LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ="`,
		`length(sha512("hello"))`:          `128`,
		`uuidv5("dns", "www.example.com")`: `"2ed6657d-e927-568b-95e1-2665a8aea6a2"`,
		// times
		`plantimestamp()`: `"2026-02-03T03:05:06Z"`,
		`timecmp("2026-01-01T00:00:00Z", "2026-01-01T01:00:00+01:00")`: `0`,
		`timecmp("2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z")`:      `-1`,
		`timeadd("2026-01-01T00:00:00Z", "36h")`:                       `"2026-01-02T12:00:00Z"`,
		`formatdate("YYYY-MM-DD", "2026-01-02T03:04:05Z")`:             `"2026-01-02"`,
		// networks
		`cidrhost("10.12.112.0/20", 16)`:            `"10.12.112.16"`,
		`cidrhost("10.12.112.0/20", -1)`:            `"10.12.127.255"`,
		`cidrhost("fd00:fd12:3456:7890::/72", 34)`:  `"fd00:fd12:3456:7890::22"`,
		`cidrnetmask("172.16.0.0/12")`:              `"255.240.0.0"`,
		`cidrsubnet("172.16.0.0/12", 4, 2)`:         `"172.18.0.0/16"`,
		`cidrsubnets("10.1.0.0/16", 4, 4, 8, 4)`:    `["10.1.0.0/20", "10.1.16.0/20", "10.1.32.0/24", "10.1.48.0/20"]`,
		`cidrcontains("10.0.0.0/8", "10.2.3.4")`:    `true`,
		`cidrcontains("10.0.0.0/16", "10.0.0.0/8")`: `false`,
		`cidrcontains("10.0.0.0/8", "::1")`:         `false`,
		// conversions
		`tonumber("1.5")`:                           `1.5`,
		`tolist(["a", 1])`:                          `["a", "1"]`,
		`tostring(null)`:                            `null`,
		`issensitive(secret)`:                       `true`,
		`issensitive(nonsensitive(secret))`:         `false`,
		`issensitive(upper(secret))`:                `true`,
		`nonsensitive(upper(secret))`:               `"HUNTER2"`,
		`ephemeralasnull({ a = ephemeral, b = 1 })`: `{ a = null, b = 1 }`,
		// templates
		`templatestring("Hi $${name}%%{ if n > 1 }s%%{ endif }", { name = "x", n = 2 })`: `"Hi xs"`,
		`templatestring("$${x}", { x = 1.50 })`:                                          `"1.5"`,
		`templatestring("$${templatestring(inner, { v = 1 })}", { inner = "<$${v}>" })`:  `"<1>"`,
		// paths
		`basename("a/b.txt")`: `"b.txt"`,
		`dirname("a/b.txt")`:  `"a"`,
	} {
		got, ds := eval(t, "", expr)
		w, wds := eval(t, "", want)
		if ds.HasErrors() || wds.HasErrors() {
			t.Errorf("%s: %v %v", expr, ds, wds)
			continue
		}
		if !equalLoosely(got, w) {
			t.Errorf("%s (-want +got):\n%s", expr, cmp.Diff(w, got, ctydebug.CmpOptions))
		}
	}
}

// equalLoosely compares values, taking a tuple for a list and an object for a map, as literals cannot say which they
// are.
func equalLoosely(got, want cty.Value) bool {
	if got.IsNull() || want.IsNull() {
		return got.IsNull() && want.IsNull()
	}
	if !want.CanIterateElements() {
		return got.RawEquals(want)
	}
	if !got.CanIterateElements() || got.LengthInt() != want.LengthInt() {
		return false
	}
	wi := want.ElementIterator()
	for gi := got.ElementIterator(); gi.Next() && wi.Next(); {
		gk, g := gi.Element()
		wk, w := wi.Element()
		if !got.Type().IsSetType() && !gk.RawEquals(wk) || !equalLoosely(g, w) {
			return false
		}
	}
	return true
}

func TestUnknownResults(t *testing.T) {
	for expr, want := range map[string]cty.Type{
		`upper(unknown)`:                           cty.String,
		`length(ulist)`:                            cty.Number,
		`startswith(uprefix, "pre-x")`:             cty.Bool,
		`coalesce(unknown, "x")`:                   cty.String,
		`sum([1, length(ulist)])`:                  cty.Number,
		`alltrue([true, unknown == "x"])`:          cty.Bool,
		`jsondecode(unknown)`:                      cty.DynamicPseudoType,
		`file(unknown)`:                            cty.String,
		`templatestring("$${a}", { a = unknown })`: cty.String,
		`issensitive(unknown)`:                     cty.Bool,
		`one(ulist)`:                               cty.String,
		`sha256(unknown)`:                          cty.String,
	} {
		got, ds := eval(t, "", expr)
		if ds.HasErrors() || got.IsKnown() || !got.Type().Equals(want) {
			t.Errorf("%s = %#v, %v; want unknown %s", expr, got, ds, want.FriendlyName())
		}
	}
	e, _ := hclsyntax.ParseExpression([]byte("plantimestamp()"), "", hcl.InitialPos)
	if v, ds := e.Value(&hcl.EvalContext{Functions: Functions(FunctionOptions{})}); ds.HasErrors() || v.IsKnown() {
		t.Errorf("plantimestamp without a clock = %#v, %v", v, ds)
	}
}

func TestFunctionErrors(t *testing.T) {
	for expr, want := range map[string]string{
		`timestamp()`:                              "plantimestamp()",
		`uuid()`:                                   "uuidv5",
		`one(["a", "b"])`:                          "2 elements",
		`coalesce("", null)`:                       "every argument is null",
		`lookup({}, "a")`:                          "no such attribute",
		`lookup(tomap({ a = 1 }), "b")`:            "no such key",
		`index(["a"], "b")`:                        "not in the list",
		`sum([])`:                                  "empty",
		`sum(["a"])`:                               "must be a number",
		`cidrhost("10.0.0.0", 1)`:                  "CIDR notation",
		`cidrsubnets("10.0.0.0/30", 1, 1, 1)`:      "no room left",
		`cidrsubnet("10.0.0.0/30", 200, 1)`:        "cannot be extended",
		`base64decode("/w==")`:                     "not UTF-8",
		`timecmp("now", "now")`:                    "not a time",
		`uuidv5("x", "y")`:                         "nor a UUID",
		`templatestring("$${nmae}", { name = 1 })`: `Did you mean "name"?`,
		`templatestring("a\n$${", {})`:             "template:2",
		`templatestring("$${a.b}", { a = 1 })`:     "template:1,4",
		`templatestring("", { "a b" = 1 })`:        "template variable",
		`templatestring("", ["a"])`:                "object or a map",
		`type("a")`:                                "interactive",
		`tonumber("Inf")`:                          "no finite number",
		`pow(10, 400)`:                             "no finite number",
		`log(0, 10)`:                               "no finite number",
		`yamldecode("a: [.inf]")`:                  "no finite number",
		`textencodebase64("日", "ISO-8859-1")`:      "does not have",
		`textdecodebase64("YQ==", "klingon")`:      "IANA",
		`core::upper()`:                            "str",
		`file("x")`:                                "files cannot be read here",
		`range(100000)`:                            "1024",
		`setproduct(range(1000), range(1000))`:     "combinations",
		`format("%99999d", 1)`:                     "four digits",
		`format("%.*f%-0123456789s", "x")`:         "four digits",
		`formatlist("%99999d", [1])`:               "four digits",
		`indent(1000000, "a")`:                     "1000 spaces",
		`join(replace(format("%9999s", ""), " ", "0123456789"), range(1024))`: "64 MiB",
		`replace(format("%9999s", ""), " ", format("%9999s", ""))`:            "64 MiB",
		`replace(format("%9999s", ""), "/ /", format("%9999s", ""))`:          "64 MiB",
	} {
		_, ds := eval(t, "", expr)
		if !ds.HasErrors() || !strings.Contains(ds.Error(), want) {
			t.Errorf("%s: %v; want %q", expr, ds, want)
		}
	}
}

// Errors about sensitive values do not quote them, whichever function fails.
func TestErrorsHideSecrets(t *testing.T) {
	for _, expr := range []string{`tonumber(secret)`, `tobool(secret)`, `jsondecode(secret)[0]`, `yamldecode("a: *${secret}")`, `timeadd(secret, "1h")`, `parseint(secret, 10)`,
		`cidrhost(secret, 1)`, `uuidv5(secret, "a")`, `timecmp(secret, secret)`, `templatestring("$${${secret}}", {})`, `file(secret)`, `lookup({}, secret)`, `regex(secret, "(")`,
		`templatestring("$${tonumber(a)}", { a = secret })`, `format(secret, 1)`, `formatdate(secret, "x")`} {
		_, ds := eval(t, t.TempDir(), expr)
		if !ds.HasErrors() || strings.Contains(ds.Error(), "hunter2") {
			t.Errorf("%s: %v", expr, ds)
		}
	}
}

// Small texts that stand for more than memory holds.
func TestBombs(t *testing.T) {
	dir := t.TempDir()
	laughs := "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
	for i := 1; i < 10; i++ {
		laughs += strings.NewReplacer("N", string(rune('0'+i)), "P", string(rune('0'+i-1))).Replace("aN: &aN [*aP, *aP, *aP, *aP, *aP, *aP, *aP, *aP, *aP, *aP]\n")
	}
	put(t, dir, "laughs.yaml", laughs)
	put(t, dir, "loop.yaml", "a: &a [*a]")
	put(t, dir, "deep.json", strings.Repeat("[", 1<<20))
	put(t, dir, "deep.yaml", strings.Repeat("[", 1<<20))
	put(t, dir, "deep2.yaml", strings.Repeat("- ", 1<<20))
	put(t, dir, "deep.tmpl", strings.Repeat("${(", 1<<20))
	put(t, dir, "if.tmpl", strings.Repeat("%{ if true }", 1<<18))
	put(t, dir, "self.tmpl", `${templatefile("self.tmpl", {})}`)
	put(t, dir, "big", strings.Repeat("x", MaxFileBytes+1))
	if err := os.Mkdir(filepath.Join(dir, "sub"), 0o700); err != nil {
		t.Fatal(err)
	}
	for expr, want := range map[string]string{
		`yamldecode(file("laughs.yaml"))`: "aliases",
		`manifests("laughs.yaml")`:        "aliases",
		`yamldecode(file("loop.yaml"))`:   "",
		`jsondecode(file("deep.json"))`:   "levels deep",
		`yamldecode(file("deep.yaml"))`:   "levels deep",
		`yamldecode(file("deep2.yaml"))`:  "levels deep",
		`templatefile("deep.tmpl", {})`:   "levels deep",
		`templatefile("if.tmpl", {})`:     "levels deep",
		`templatefile("self.tmpl", {})`:   "16 levels deep",
		`file("big")`:                     "16 MiB",
		`file("sub")`:                     "is a directory",
	} {
		_, ds := eval(t, dir, expr)
		if !ds.HasErrors() || !strings.Contains(ds.Error(), want) {
			t.Errorf("%s: %.300v; want %q", expr, ds, want)
		}
	}
}

func put(t testing.TB, dir, name, text string) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func BenchmarkFunctions(b *testing.B) {
	for b.Loop() {
		Functions(FunctionOptions{BaseDir: "."})
	}
}
