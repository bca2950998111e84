package alarm

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
)

func looked() Measurement {
	return Measurement{Outcome: Looked, Objects: map[Class]int{{"kubernetes_manifest", Changed}: 2, {"kubernetes_manifest", Gone}: 0, {"linkerd_server", Changed}: 1},
		Fields: 5, Pending: 3, Acknowledged: 1, Took: 1500 * time.Millisecond, At: noon, Version: "v1", Revision: "abc", GoVersion: "go1",
		Gauges: []Gauge{
			{Name: "meshplan_linkerd_certificate_not_after_timestamp_seconds", Help: "When it ends.", Labels: map[string]string{"role": "issuer"}, Value: 1.8e9},
			{Name: "meshplan_linkerd_certificate_not_after_timestamp_seconds", Help: "When it ends.", Labels: map[string]string{"role": "trust-anchor"}, Value: 2.8e9},
			{Name: "proxies_untrusting", Value: 2},
		}}
}

const textfile = `# HELP meshplan_acknowledged Attributes and findings that are acknowledged and do not alarm.
# TYPE meshplan_acknowledged gauge
meshplan_acknowledged{env="prod"} 1
# HELP meshplan_apply_in_progress 1 when the last look for drift met a run that was under way, and judged nothing.
# TYPE meshplan_apply_in_progress gauge
meshplan_apply_in_progress{env="prod"} 0
# HELP meshplan_build_info The program that looked; always 1.
# TYPE meshplan_build_info gauge
meshplan_build_info{env="prod",goversion="go1",revision="abc",version="v1"} 1
# HELP meshplan_drift_fields Attributes that are not as the last run left them and alarm.
# TYPE meshplan_drift_fields gauge
meshplan_drift_fields{env="prod"} 5
# HELP meshplan_drift_resources Objects that are not as the last run left them and alarm, by type and by what is wrong.
# TYPE meshplan_drift_resources gauge
meshplan_drift_resources{class="changed",env="prod",kind="kubernetes_manifest"} 2
meshplan_drift_resources{class="changed",env="prod",kind="linkerd_server"} 1
meshplan_drift_resources{class="gone",env="prod",kind="kubernetes_manifest"} 0
# HELP meshplan_last_success_timestamp_seconds When drift was last looked for without an error.
# TYPE meshplan_last_success_timestamp_seconds gauge
meshplan_last_success_timestamp_seconds{env="prod"} 1.795608e+09
# HELP meshplan_linkerd_certificate_not_after_timestamp_seconds When it ends.
# TYPE meshplan_linkerd_certificate_not_after_timestamp_seconds gauge
meshplan_linkerd_certificate_not_after_timestamp_seconds{env="prod",role="issuer"} 1.8e+09
meshplan_linkerd_certificate_not_after_timestamp_seconds{env="prod",role="trust-anchor"} 2.8e+09
# HELP meshplan_pending_changes Changes of the configuration that have not been applied.
# TYPE meshplan_pending_changes gauge
meshplan_pending_changes{env="prod"} 3
# HELP meshplan_proxies_untrusting Measured by a provider.
# TYPE meshplan_proxies_untrusting gauge
meshplan_proxies_untrusting{env="prod"} 2
# HELP meshplan_run_duration_seconds How long the last look for drift took, in seconds.
# TYPE meshplan_run_duration_seconds gauge
meshplan_run_duration_seconds{env="prod"} 1.5
# HELP meshplan_run_errors Errors of the last look for drift; with any, not everything is known.
# TYPE meshplan_run_errors gauge
meshplan_run_errors{env="prod"} 0
# HELP meshplan_run_timestamp_seconds When the last look for drift ended, whatever came of it.
# TYPE meshplan_run_timestamp_seconds gauge
meshplan_run_timestamp_seconds{env="prod"} 1.795608e+09
`

// line returns the sample of a metric in a text file; "" when there is none.
func line(t *testing.T, path, name string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for l := range strings.Lines(string(b)) {
		if strings.HasPrefix(l, name+" ") || strings.HasPrefix(l, name+"{") {
			return strings.TrimSpace(l)
		}
	}
	return ""
}

func TestTextfile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "meshplan.prom")
	if err := WriteTextfile(path, looked(), map[string]string{"env": "prod"}); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := string(b); got != textfile {
		t.Errorf("got\n%s\nwant\n%s", got, textfile)
	}

	// A look that fails says so, and leaves what was known.
	failed := Measurement{Outcome: Failed, Errors: 2, Pending: -1, At: noon.Add(time.Hour), Version: "v2"}
	if err := WriteTextfile(path, failed, nil); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"meshplan_run_errors":                      "meshplan_run_errors 2",
		"meshplan_last_success_timestamp_seconds":  `meshplan_last_success_timestamp_seconds{env="prod"} 1.795608e+09`,
		"meshplan_drift_fields":                    `meshplan_drift_fields{env="prod"} 5`,
		"meshplan_pending_changes":                 `meshplan_pending_changes{env="prod"} 3`,
		"meshplan_run_timestamp_seconds":           "meshplan_run_timestamp_seconds 1.7956116e+09",
		"meshplan_apply_in_progress":               "meshplan_apply_in_progress 0",
		`meshplan_drift_resources{class="changed"`: "",
	} {
		if got := line(t, path, name); want != "" && got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}

	// So does one that waits; an incomplete one says what it found, and is no success.
	if err := WriteTextfile(path, Measurement{Outcome: Waiting, Pending: -1, At: noon.Add(2 * time.Hour)}, nil); err != nil {
		t.Fatal(err)
	}
	if got := line(t, path, "meshplan_apply_in_progress"); got != "meshplan_apply_in_progress 1" {
		t.Error(got)
	}
	half := looked()
	half.Errors, half.At, half.Fields, half.Pending = 1, noon.Add(3*time.Hour), 7, -1
	if err := WriteTextfile(path, half, nil); err != nil {
		t.Fatal(err)
	}
	if got := line(t, path, "meshplan_last_success_timestamp_seconds"); got != `meshplan_last_success_timestamp_seconds{env="prod"} 1.795608e+09` {
		t.Error(got)
	}
	if got := line(t, path, "meshplan_drift_fields") + line(t, path, "meshplan_pending_changes"); got != "meshplan_drift_fields 7" {
		t.Error(got)
	}
	left, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(left) != 1 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestTextfileInTrouble(t *testing.T) {
	dir := t.TempDir()
	damaged := filepath.Join(dir, "damaged.prom")
	if err := os.WriteFile(damaged, []byte("meshplan_last_success_timestamp_seconds not a number\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := WriteTextfile(damaged, looked(), nil); err != nil || line(t, damaged, "meshplan_drift_fields") != "meshplan_drift_fields 5" {
		t.Errorf("a damaged file is not replaced: %v", err)
	}
	if err := WriteTextfile(dir, looked(), nil); err == nil {
		t.Error("a directory was replaced")
	}
	if err := WriteTextfile(filepath.Join(dir, "none", "x.prom"), looked(), nil); err == nil {
		t.Error("a directory was made")
	}
	wrong := looked()
	wrong.Gauges = []Gauge{{Name: "x", Labels: map[string]string{"__bad-": "1", "": "2"}}}
	if err := WriteTextfile(damaged, wrong, nil); err == nil {
		t.Error("a gauge without a name for its label was written")
	}
	if line(t, damaged, "meshplan_drift_fields") != "meshplan_drift_fields 5" {
		t.Error("the file before was lost")
	}
	quiet := Measurement{Outcome: Looked, Pending: 0, At: noon}
	if err := WriteTextfile(damaged, quiet, nil); err != nil || line(t, damaged, "meshplan_drift_resources") != `meshplan_drift_resources{class="changed",kind="none"} 0` {
		t.Errorf("without any type: %v, %s", err, line(t, damaged, "meshplan_drift_resources"))
	}
}

func TestPushgateway(t *testing.T) {
	r := newReceiver(t, answer(202), answer(200), answer(500), answer(308, "Location", "/elsewhere"))
	p := Pushgateway{URL: strings.Replace(r.URL, "http://", "http://user:S3CRET@", 1), Labels: map[string]string{"env": "prod"}}
	for range 2 {
		if err := p.Push(t.Context(), looked()); err != nil {
			t.Fatal(err)
		}
	}
	req := r.requests[0]
	if req.Method != "POST" || req.URL.Path != "/metrics/job/meshplan/env/prod" {
		t.Errorf("%s %s", req.Method, req.URL.Path)
	}
	if user, password, ok := req.BasicAuth(); !ok || user != "user" || password != "S3CRET" {
		t.Error("the password is not sent")
	}
	families := map[string]*dto.MetricFamily{}
	d := expfmt.NewDecoder(bytes.NewReader(r.bodies[0]), expfmt.ResponseFormat(req.Header))
	for {
		f := &dto.MetricFamily{}
		if d.Decode(f) != nil {
			break
		}
		families[f.GetName()] = f
	}
	if f := families["meshplan_drift_resources"]; f == nil || len(f.Metric) != 3 || families["meshplan_last_success_timestamp_seconds"] == nil {
		t.Errorf("pushed %v", families)
	}
	for _, want := range []string{"500 Internal Server Error", "308"} {
		if err := p.Push(t.Context(), looked()); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "S3CRET") {
			t.Errorf("%v, want %s", err, want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := p.Push(ctx, looked()); err == nil || strings.Contains(err.Error(), "S3CRET") {
		t.Error(err)
	}
	p.URL = "S3CRET"
	if err := p.Push(t.Context(), looked()); err == nil || strings.Contains(err.Error(), "S3CRET") {
		t.Error(err)
	}
}
