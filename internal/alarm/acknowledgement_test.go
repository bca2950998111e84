package alarm

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/internal/diag"
)

const good = `
acknowledge {
  address = kubernetes_manifest.web
  path    = "manifest.spec"
  reason  = "Scaled up for the sale"
  owner   = "shop"
  expires = "2026-11-30"
}

acknowledge {
  address = "module.east[\"a\"].kubernetes_manifest.db"
  reason  = "Moved by hand"
  expires = "2026-11-25T13:00:00+01:00"
}

acknowledge {
  finding = "linkerd.drift.expiring"
  object  = "Secret linkerd/issuer"
  reason  = "Renewed on Friday"
  expires = "2027-01-01"
}
`

func TestAcknowledgements(t *testing.T) {
	list, _, ds := ParseAcknowledgements([]byte(good), "ack.hcl")
	if len(ds) > 0 || len(list) != 3 {
		t.Fatalf("%d entries, %v", len(list), ds)
	}
	deep := Item{Address: `kubernetes_manifest.web["eu"]`, Path: "manifest.spec.replicas", Kind: Changed}
	beside := Item{Address: "kubernetes_manifest.web", Path: "manifest.specs", Kind: Changed}
	gone := Item{Address: "kubernetes_manifest.web", Kind: Gone}
	moved := Item{Address: `module.east["a"].kubernetes_manifest.db`, Kind: Gone}
	other := Item{Path: "Secret linkerd/other", Kind: "linkerd.drift.expiring"}
	items := []Item{deep, beside, gone, moved, cert, other}

	d := Divide(items, list, noon.Add(-time.Second)) // an entry with a time holds until then
	if got, want := fmt.Sprint(d.Alarming), fmt.Sprint(sorted([]Item{beside, gone, other})); got != want {
		t.Errorf("alarming: %s, want %s", got, want)
	}
	if len(d.Acknowledged) != 3 || len(d.Expired) != 0 || len(d.Unused) != 0 || len(d.Lapsed) != 0 {
		t.Errorf("acknowledged %v, expired %v, unused %v, lapsed %v", d.Acknowledged, d.Expired, d.Unused, d.Lapsed)
	}
	d = Divide(items, list, noon) // now that time has come
	if len(d.Acknowledged) != 2 || len(d.Expired) != 1 || len(d.Lapsed) != 1 || d.Lapsed[0].Item != moved {
		t.Errorf("acknowledged %v, expired %v, lapsed %v", d.Acknowledged, d.Expired, d.Lapsed)
	}
	d = Divide([]Item{deep}, list, time.Date(2026, 11, 30, 23, 59, 59, 0, time.UTC)) // a day holds to its end
	if len(d.Acknowledged) != 1 || len(d.Unused) != 1 {
		t.Errorf("on the last day: acknowledged %v, unused %d", d.Acknowledged, len(d.Unused))
	}
	if d = Divide([]Item{deep}, list, time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)); len(d.Alarming) != 1 || len(d.Lapsed) != 1 {
		t.Errorf("the day after: %+v", d)
	}
}

// TestWrongAcknowledgements: each finding has a code, a place, and says what to do.
func TestWrongAcknowledgements(t *testing.T) {
	entry := func(lines string) string { return "acknowledge {\n" + lines + "\n}\n" }
	const ok = "address = a.b\nreason = \"r\"\nexpires = \"2026-12-01\"\n"
	for name, c := range map[string]struct {
		text, says string
		line       int
	}{
		"not HCL":            {"acknowledge {", "", 1},
		"another block":      {"acknowledgement {}", "acknowledge", 1},
		"another argument":   {entry(ok + "until = 1"), "until", 5},
		"no reason":          {entry("address = a.b\nexpires = \"2026-12-01\""), "reason", 1},
		"empty reason":       {entry("address = a.b\nreason = \" \"\nexpires = \"2026-12-01\""), "why this may stay", 3},
		"no date":            {entry("address = a.b\nreason = \"r\""), "expires", 1},
		"bad date":           {entry("address = a.b\nreason = \"r\"\nexpires = \"2026-02-30\""), "day out of range", 4},
		"date of elsewhere":  {entry("address = a.b\nreason = \"r\"\nexpires = \"31.12.2026\""), "is no date", 4},
		"number for a date":  {entry("address = a.b\nreason = \"r\"\nexpires = 20261231"), "text in quotes", 4},
		"everything":         {entry("reason = \"r\"\nexpires = \"2026-12-01\""), "names the address", 1},
		"half an address":    {entry("address = a\nreason = \"r\"\nexpires = \"2026-12-01\""), "cannot be understood", 2},
		"a call":             {entry("address = f()\nreason = \"r\"\nexpires = \"2026-12-01\""), "cannot be understood", 2},
		"a reference":        {entry("address = a.b\nreason = var.x\nexpires = \"2026-12-01\""), "without references", 3},
		"path and finding":   {entry(ok + "path = \"p\"\nfinding = \"a.b\""), "not about both", 5},
		"object alone":       {entry(ok + "object = \"o\""), "needs the argument", 5},
		"finding of no form": {entry(ok + "finding = \"changed\""), "no class", 5},
		"empty path":         {entry(ok + "path = \"\""), "no text", 5},
	} {
		t.Run(name, func(t *testing.T) {
			list, _, ds := ParseAcknowledgements([]byte(c.text), "ack.hcl")
			if len(list) != 0 || len(ds) != 1 {
				t.Fatalf("%d entries, %d findings: %v", len(list), len(ds), ds)
			}
			d := ds[0]
			if diag.CodeOf(d) != CodeAcknowledgement || d.Subject == nil || d.Subject.Start.Line != c.line || !strings.Contains(d.Summary+" "+d.Detail, c.says) {
				t.Errorf("%s at %v: %s: %s", diag.CodeOf(d), d.Subject, d.Summary, d.Detail)
			}
		})
	}
	two := entry("address = a\nreason = \"r\"\nexpires = \"2026-12-01\"") + entry(ok)
	if list, _, ds := ParseAcknowledgements([]byte(two), "ack.hcl"); len(list) != 1 || len(ds) != 1 {
		t.Errorf("a wrong entry takes a good one along: %d, %v", len(list), ds)
	}
	if _, _, ds := ReadAcknowledgements(filepath.Join(t.TempDir(), "none")); !ds.HasErrors() {
		t.Error("a file that is not there is fine")
	}
	big := filepath.Join(t.TempDir(), "big")
	if err := os.WriteFile(big, make([]byte, maxFileBytes+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, ds := ReadAcknowledgements(big); !ds.HasErrors() || !strings.Contains(ds[0].Detail, "bytes") {
		t.Errorf("a huge file: %v", ds)
	}
}

// TestTemplate: what the template says covers exactly what was found, once a person has given reasons.
func TestTemplate(t *testing.T) {
	key := addr.Resource{Mode: addr.Managed, Type: "kubernetes_manifest", Name: "web"}.Instance(addr.StringKey("${x}\" }\n%{"))
	hostile := Item{Address: key.String(), Path: `manifest.data["%{if}"]`, Kind: Added}
	items := []Item{web, db, cert, hostile}
	var b strings.Builder
	if err := WriteTemplate(&b, items, noon); err != nil {
		t.Fatal(err)
	}
	if _, _, ds := ParseAcknowledgements([]byte(b.String()), "t.hcl"); len(ds) != len(items) {
		t.Fatalf("a template without reasons: %v", ds)
	}
	list, _, ds := ParseAcknowledgements([]byte(strings.ReplaceAll(b.String(), `reason  = ""`, `reason  = "r"`)), "t.hcl")
	if len(ds) > 0 || len(list) != len(items) {
		t.Fatalf("%v\n%s", ds, b.String())
	}
	d := Divide(items, list, noon)
	if len(d.Alarming) != 0 || len(d.Unused) != 0 {
		t.Errorf("still alarming: %v, unused: %d\n%s", d.Alarming, len(d.Unused), b.String())
	}
	if d = Divide(items, list, noon.AddDate(0, 0, 15)); len(d.Alarming) != len(items) {
		t.Errorf("after two weeks: %v", d.Alarming)
	}
}

func FuzzAcknowledgements(f *testing.F) {
	f.Add([]byte(good))
	f.Fuzz(func(t *testing.T, text []byte) {
		list, _, ds := ParseAcknowledgements(text, "f.hcl")
		for _, a := range list {
			Divide([]Item{web, cert}, list, noon)
			if a.Target == nil && a.Finding == "" || a.Reason == "" || a.Until.IsZero() {
				t.Errorf("an entry that says nothing was taken: %+v", a)
			}
		}
		for _, d := range ds {
			if diag.CodeOf(d) == "" {
				t.Errorf("no code: %s", d.Summary)
			}
		}
	})
}
