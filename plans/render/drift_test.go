package render_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/internal/golden"
	"github.com/meshplan/meshplan/plans"
	"github.com/meshplan/meshplan/plans/render"
)

// drifted is a report in which everything occurs, with names that somebody has chosen to do harm.
func drifted(t testing.TB) *render.DriftReport {
	hostile := `kubernetes_manifest.web["</code></summary><script>alert(1)</script>@all"]`
	until := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	return &render.DriftReport{
		Drift: []*plans.Change{
			{Addr: instance(t, "linkerd_server.payment"), Action: plans.Update, Reason: plans.BecauseDrifted, Before: obj("access_policy", "deny", "port", 80), After: obj("access_policy", "all-unauthenticated", "port", 80),
				Notes: []string{"acknowledged: port"}},
			{Addr: instance(t, hostile), Action: plans.Delete, Reason: plans.BecauseGone, Before: obj("name", "web"), After: obj()},
		},
		Findings: []render.DriftFinding{{Class: "linkerd.drift.expired", Severity: "critical", Object: "Secret linkerd/issuer", Summary: "Certificate has expired", Detail: "It ended yesterday.", Fix: "Renew it."},
			{Class: "linkerd.drift.unmeshed", Severity: "drift", Address: "linkerd_injection.shop", Object: "Pod shop/<b>x\x1b[2J", Summary: "Pod without a proxy"}},
		Notes:        []render.DriftFinding{{Class: "linkerd.drift.old-proxy", Severity: "note", Object: "Pod shop/y", Summary: "Proxy is older"}},
		Acknowledged: []render.Acknowledgement{{Address: "linkerd_server.payment", What: "changed port", Reason: "A `test` of <us>", Owner: "me", Until: until, Where: "known.hcl:1"}},
		Ended:        []render.Acknowledgement{{Address: "linkerd_server.user", Reason: "Long ago", Until: until.AddDate(-1, 0, 0), Where: "known.hcl:9"}},
		Pending:      []*plans.Change{{Addr: instance(t, "kubernetes_manifest.new"), Action: plans.Create}},
		Unread:       []addr.Instance{instance(t, "kubernetes_manifest.hidden")}, Records: 7, Failed: true, Problems: []string{"Not allowed: get <secrets>"},
		Clusters: map[string]string{"kubernetes": "c5b24766"}, Directory: "prod", Lineage: "l1", At: time.Date(2026, 11, 25, 3, 17, 0, 0, time.UTC),
	}
}

func driftAs(t testing.TB, kind string, r *render.DriftReport) []byte {
	t.Helper()
	var b bytes.Buffer
	var err error
	switch kind {
	case "text":
		err = render.Drift(&b, r, render.TextOptions{Width: 100})
	case "json":
		err = render.DriftJSON(&b, r)
	default:
		err = render.DriftMarkdown(&b, r, render.MarkdownOptions{})
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestDrift(t *testing.T) {
	for _, kind := range []string{"text", "json", "markdown"} {
		t.Run(kind, func(t *testing.T) {
			out := driftAs(t, kind, drifted(t))
			if bytes.ContainsRune(out, 0x1b) || kind == "markdown" && (bytes.Contains(out, []byte("<script>")) || bytes.Contains(out, []byte("@all"))) {
				t.Errorf("a hostile name came through:\n%s", out)
			}
			golden.Check(t, "drift-"+kind, out, stable)
		})
	}
}

// TestDriftVerdicts: "No drift." is said when everything was read, and nothing differs, and never otherwise.
func TestDriftVerdicts(t *testing.T) {
	unread := []addr.Instance{instance(t, "a.b")}
	for want, r := range map[string]render.DriftReport{
		"No drift.":                                 {Records: 3},
		"No drift but what is acknowledged.":        {Records: 3, Acknowledged: []render.Acknowledgement{{}}},
		"Drift: 1 object changed outside meshplan.": {Records: 3, Drift: []*plans.Change{{}}, Failed: true},
		"Drift: 1 object changed outside meshplan, 2 findings. 1 of 3 objects could not be read.": {Records: 3, Drift: []*plans.Change{{}}, Findings: make([]render.DriftFinding, 2), Unread: unread, Failed: true},
		"Drift: 1 finding.": {Findings: make([]render.DriftFinding, 1)},
		"Drift is not known: 1 of 3 objects could not be read. The others are as the last run left them.": {Records: 3, Unread: unread, Failed: true},
		"Drift is not known: 1 of 1 object could not be read. The others are as the last run left them.":  {Records: 1, Unread: unread, Acknowledged: []render.Acknowledgement{{}}},
		"Drift is not known: the look has failed.":                                                        {Failed: true},
		"Apply in progress: ann@ci. Drift is not judged before it has ended.":                             {InProgress: "ann@ci", Drift: []*plans.Change{{}}},
	} {
		if got := r.Verdict(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// TestDriftIsShortened: the names of what drifted are the last to go.
func TestDriftIsShortened(t *testing.T) {
	r := drifted(t)
	for i := range 400 {
		r.Drift = append(r.Drift, &plans.Change{Addr: instance(t, fmt.Sprintf("kubernetes_manifest.many[%d]", i)), Action: plans.Update, Before: obj("text", strings.Repeat("a", 300)), After: obj("text", strings.Repeat("b", 300))})
	}
	var b bytes.Buffer
	if err := render.DriftMarkdown(&b, r, render.MarkdownOptions{MaxBytes: 60_000}); err != nil {
		t.Fatal(err)
	}
	out := b.String()
	if len(out) > 60_000 || strings.Count(out, "many&#91;") != 400 || !strings.Contains(out, "details omitted") {
		t.Errorf("%d bytes with %d of 400 names", len(out), strings.Count(out, "many&#91;"))
	}
	var doc map[string]any
	if err := json.Unmarshal(driftAs(t, "json", r), &doc); err != nil || doc["outcome"] != "drift" {
		t.Errorf("%v: %v", doc["outcome"], err)
	}
}
