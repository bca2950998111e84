package ci

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"
	"github.com/joshdk/go-junit"
	"github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif"
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/golden"
	"github.com/meshplan/meshplan/plans"
)

const source = "resource \"memory_object\" \"a\" {\n  nmae = \"x\"\n}\n"

// finding is about the argument in source, moved down by some lines.
func finding(moved int) ([]Finding, hcl.Diagnostics) {
	text := strings.Repeat("#\n", moved) + source
	at := strings.Index(text, "nmae")
	rng := &hcl.Range{Filename: "prod/shop mesh.mesh.hcl", Start: hcl.Pos{Line: 2 + moved, Column: 3, Byte: at}, End: hcl.Pos{Line: 2 + moved, Column: 7, Byte: at + 4}}
	ds := hcl.Diagnostics{
		diag.Error("config.unknown-argument", "Unsupported argument", `There is no "nmae" here.`, rng),
		diag.For(diag.Warningf("mesh.open", "Open to everybody", "Detail with <b> & \x1b[31m \u202e."), `memory_object.b["x"]`),
		diag.Errorf("state.lost", "No state", ""),
	}
	return FromDiagnostics(ds, map[string]*hcl.File{rng.Filename: {Bytes: []byte(text)}}), ds
}

func drifted(t *testing.T) []*plans.Change {
	t.Helper()
	value := func(team string, n int64) cty.Value {
		return cty.ObjectVal(map[string]cty.Value{
			"labels": cty.MapVal(map[string]cty.Value{"team": cty.StringVal(team), "app.io/x": cty.StringVal(team)}),
			"ports":  cty.TupleVal([]cty.Value{cty.NumberIntVal(n), cty.NumberIntVal(2)}), "same": cty.True,
		})
	}
	a, err := addr.Parse(`memory_object.b["x"]`)
	if err != nil {
		t.Fatal(err)
	}
	gone, err := addr.Parse("memory_object.c")
	if err != nil {
		t.Fatal(err)
	}
	return []*plans.Change{
		{Addr: a, Action: plans.Update, Before: value("a", 1), After: value("b", 3), Range: hcl.Range{Filename: "shop.mesh.hcl", Start: hcl.Pos{Line: 7, Column: 1}, End: hcl.Pos{Line: 9, Column: 2}}},
		{Addr: gone, Action: plans.Delete, Before: value("a", 1), After: cty.NullVal(cty.EmptyObject)},
	}
}

func writeSARIF(t *testing.T, fs []Finding) string {
	t.Helper()
	var b bytes.Buffer
	place := Place{Dir: "/repo/live", Root: "/repo", Fallback: "shop.mesh.hcl"}
	if err := SARIF(&b, fs, SARIFOptions{Version: "1.2.3", Place: place, Explain: func(c diag.Code) string { return "About " + string(c) + "." }}); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// The report meets the schema of SARIF 2.1.0, according to an independent library.
func TestSARIF(t *testing.T) {
	fs, _ := finding(0)
	for name, fs := range map[string][]Finding{"findings": fs, "drift": FromDrift(drifted(t)), "none": nil} {
		t.Run(name, func(t *testing.T) {
			out := writeSARIF(t, fs)
			strict := json.NewDecoder(strings.NewReader(out))
			strict.DisallowUnknownFields()
			if err := strict.Decode(new(sarif.Report)); err != nil {
				t.Errorf("it has a field that SARIF does not have: %v", err)
			}
			r, err := sarif.FromString(out)
			if err != nil {
				t.Fatal(err)
			}
			// The library writes these although they are absent, and without the defaults of the schema.
			run := r.Runs[0]
			run.Language, run.Tool.Driver.Language, run.NewlineSequences = "en-US", "en-US", []string{"\n"}
			if err := r.Validate(); err != nil {
				t.Errorf("it does not meet the schema: %v", err)
			}
			golden.Check(t, "sarif-"+name, []byte(out))
		})
	}
}

// A finding stays the same alert when lines move, and becomes another one when it is about something else.
func TestFingerprint(t *testing.T) {
	prints := func(fs []Finding) (out []string) {
		r, err := sarif.FromString(writeSARIF(t, fs))
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range r.Runs[0].Results {
			out = append(out, r.PartialFingerprints["meshplan/v1"])
		}
		return out
	}
	here, _ := finding(0)
	moved, _ := finding(20)
	if diff := cmp.Diff(prints(here), prints(moved)); diff != "" {
		t.Errorf("fingerprints move with the lines:\n%s", diff)
	}
	all := append(append(here, here...), FromDrift(drifted(t))...)
	seen := map[string]bool{}
	for _, p := range prints(all) {
		if seen[p] {
			t.Errorf("two findings have the fingerprint %s", p)
		}
		seen[p] = true
	}
	if len(seen) != len(all) {
		t.Errorf("%d fingerprints, want %d", len(seen), len(all))
	}
}

func TestSARIFKeepsTheWorst(t *testing.T) {
	var ds hcl.Diagnostics
	for i := range maxResults + 10 {
		ds = append(ds, diag.Warningf("a.b", "Warning", "%d", i))
	}
	ds = append(ds, diag.Errorf("a.c", "Error", ""))
	var log sarifLog
	if err := json.Unmarshal([]byte(writeSARIF(t, FromDiagnostics(ds, nil))), &log); err != nil {
		t.Fatal(err)
	}
	if rs := log.Runs[0].Results; len(rs) != maxResults || rs[0].Rule != "a.c" {
		t.Errorf("%d results, the first is %s", len(rs), rs[0].Rule)
	}
}

// An independent reader understands the report.
func TestJUnit(t *testing.T) {
	fs, _ := finding(0)
	place := Place{Dir: "/repo/live", Root: "/repo"}
	for name, tt := range map[string]struct {
		suite  Suite
		strict bool
		passed []string
		failed []string
	}{
		"validate": {Suite{Name: "meshplan validate", Cases: []string{"memory_object.a", "memory_object.b"}, Findings: fs, Took: 1500 * time.Millisecond, Place: place}, false,
			[]string{"memory_object.a", "memory_object.b", `memory_object.b["x"]`}, []string{"configuration"}},
		"drift": {Suite{Name: "meshplan drift", General: "refresh", Cases: []string{`memory_object.b["x"]`, "memory_object.c", "memory_object.d"}, Findings: FromDrift(drifted(t)), Place: place}, true,
			[]string{"memory_object.d", "refresh"}, []string{`memory_object.b["x"]`, "memory_object.c"}},
	} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			if err := JUnit(&b, tt.suite, tt.strict); err != nil {
				t.Fatal(err)
			}
			golden.Check(t, "junit-"+name, b.Bytes())
			suites, err := junit.Ingest(b.Bytes())
			if err != nil {
				t.Fatal(err)
			}
			var passed, failed []string
			for _, c := range suites[0].Tests {
				var fault junit.Error
				if errors.As(c.Error, &fault) {
					failed = append(failed, c.Name)
				} else {
					passed = append(passed, c.Name)
				}
			}
			if diff := cmp.Diff([][]string{tt.passed, tt.failed}, [][]string{passed, failed}); diff != "" {
				t.Error(diff)
			}
			if got := suites[0].Totals; got.Failed != len(tt.failed) || got.Tests != len(tt.failed)+len(tt.passed) {
				t.Errorf("totals %+v", got)
			}
		})
	}
}

func TestPlace(t *testing.T) {
	for _, tt := range []struct{ dir, root, name, want string }{
		{"/repo", "/repo", "a.hcl", "a.hcl"}, {"/repo/live", "/repo", "./prod/a.hcl", "live/prod/a.hcl"}, {"/repo/live", "/repo", "../a.hcl", "a.hcl"},
		{"/repo", "/repo", "/elsewhere/a.hcl", "/elsewhere/a.hcl"}, {"/repo", "", "./a.hcl", "a.hcl"}, {"/repo", "/repo", "/repo/x/a.hcl", "x/a.hcl"},
	} {
		if got := (Place{Dir: tt.dir, Root: tt.root}).file(tt.name); got != tt.want {
			t.Errorf("file(%q) in %s of %s = %q, want %q", tt.name, tt.dir, tt.root, got, tt.want)
		}
	}
}

func TestDriftNamesAttributesOnly(t *testing.T) {
	fs := FromDrift(drifted(t))
	if want := `Not as the last run left it: labels.team, labels["app.io/x"], ports[0].`; fs[0].Detail != want {
		t.Errorf("detail = %q, want %q", fs[0].Detail, want)
	}
	if fs[1].Code != CodeDriftGone {
		t.Errorf("code of a deleted object = %s", fs[1].Code)
	}
	if text := fmt.Sprint(fs); strings.Contains(text, "true") {
		t.Errorf("a value is shown: %s", text)
	}
}
