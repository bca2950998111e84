package gate

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
	"github.com/meshplan/meshplan/providers/linkerd/certs"
	"github.com/meshplan/meshplan/providers/linkerd/install"
	"github.com/meshplan/meshplan/providers/linkerd/mesh"
	"github.com/meshplan/meshplan/providers/linkerd/metrics"
)

// finding is the outcome of one look. The statement holds when nothing speaks against it and nothing is open.
type finding struct {
	result  string   // the sentence that is proved
	against []string // what contradicts it
	open    []string // what is not known
}

func (f finding) holds() bool { return len(f.against) == 0 && len(f.open) == 0 }

// summary is short enough for a line of progress.
func (f finding) summary() string {
	all := slices.Concat(f.against, f.open)
	if len(all) > 2 {
		return fmt.Sprintf("%s and %d more", strings.Join(all[:2], "; "), len(all)-2)
	}
	return strings.Join(all, "; ")
}

// look judges the statement once.
func (t gate) look(ctx context.Context, s spec, step providers.Step) (finding, hcl.Diagnostics) {
	switch s.expect {
	case expectCertificates:
		return t.certificates(ctx, s)
	case expectChecks:
		return t.checks(ctx)
	}
	states, f, ds := t.states(ctx, s)
	if ds.HasErrors() || !f.holds() && s.expect != expectMeshed {
		return f, ds
	}
	switch s.expect {
	case expectMTLS:
		w, ds := t.watch(ctx, s, states, step)
		return judgeMTLS(s, w), ds
	case expectSuccess:
		w, ds := t.watch(ctx, s, states, step)
		return judgeSuccess(s, w), ds
	}
	return f, nil
}

// states judges the workloads in scope.
func (t gate) states(ctx context.Context, s spec) ([]mesh.State, finding, hcl.Diagnostics) {
	c := t.env.Cluster()
	ref := kube.Ref{Version: "v1", Kind: "Namespace", Name: s.namespace}
	want, err := mesh.LoadWant(ctx, c, t.env)
	if err != nil {
		return nil, finding{}, c.Diagnose(err, "get", ref)
	}
	o, err := mesh.Observe(ctx, c, s.namespace)
	if err != nil {
		return nil, finding{}, c.Diagnose(err, "list", ref)
	}
	var f finding
	if o.Namespace == nil {
		f.against = append(f.against, fmt.Sprintf("there is no namespace %q", s.namespace))
		return nil, f, nil
	}
	names, optedOut := o.InScope(s.workloads)
	for _, name := range s.workloads {
		switch {
		case optedOut[name] != "":
			f.against = append(f.against, name+" is not meshed: "+optedOut[name])
		case o.Find(name) == nil:
			f.against = append(f.against, fmt.Sprintf("there is no workload %q", name))
		}
	}
	var states []mesh.State
	for _, name := range names {
		st := mesh.JudgeWorkload(o.Find(name), want)
		states = append(states, st)
		switch {
		case st.Restart != "":
			f.against = append(f.against, name+" is not meshed: "+st.Restart)
		case len(st.Waiting) > 0:
			f.open = append(f.open, name+": "+strings.Join(st.Waiting, "; "))
		}
	}
	if len(states) == 0 {
		f.open = append(f.open, fmt.Sprintf("namespace %q has no workload to look at", s.namespace))
	}
	f.result = fmt.Sprintf("%d/%d workloads meshed", len(states), len(states))
	return states, f, nil
}

// watch measures the traffic of one window.
func (t gate) watch(ctx context.Context, s spec, states []mesh.State, step providers.Step) (metrics.Window, hcl.Diagnostics) {
	var pods []metrics.Pod
	for _, st := range states {
		pods = append(pods, st.Proxies()...)
	}
	scraper := metrics.Scraper{Forward: t.env.Cluster().Forward}
	before := scraper.Scrape(ctx, pods)
	step.Progress(providers.Progress{Message: fmt.Sprintf("watching the traffic of %d pods for %s", len(pods), s.window), Waiting: true})
	if !pause(ctx, s.window) {
		return metrics.Window{}, hcl.Diagnostics{diag.Errorf(CodeNoData, "Interrupted", "The window of %s was interrupted (%v).", s.window, context.Cause(ctx))}
	}
	return metrics.Between(before, scraper.Scrape(ctx, pods)), nil
}

func unmeasured(w metrics.Window) []string {
	var out []string
	for _, u := range w.Unmeasured {
		out = append(out, fmt.Sprintf("pod %s was not measured: %s", u.Pod.Name, diag.Scrub(u.Reason)))
	}
	return out
}

// judgeMTLS is pure.
func judgeMTLS(s spec, w metrics.Window) finding {
	flows := w.Flows()
	f := finding{open: unmeasured(w)}
	total := metrics.MTLS(flows)
	ratio, known := total.Ratio()
	if !known || total.Whole < s.minRequests {
		f.open = append(f.open, fmt.Sprintf("%.0f requests were seen, %.0f are needed", total.Whole, max(s.minRequests, 1)))
	}
	if known && ratio < s.minRatio {
		f.against = append(f.against, fmt.Sprintf("%s of %.0f requests were mutual TLS, %s are needed", percent(ratio), total.Whole, percent(s.minRatio)))
		for _, flow := range flows {
			if !flow.Mutual() && flow.Allowed > 0 {
				f.against = append(f.against, fmt.Sprintf("%s port %s took %.0f requests without mTLS (%s)", flow.Workload, flow.Port, flow.Allowed, diag.Scrub(why(flow))))
			}
		}
	}
	f.result = fmt.Sprintf("%.0f requests in %s, %s mutual TLS", total.Whole, s.window, percent(ratio))
	return f
}

func why(f metrics.Flow) string {
	switch {
	case f.Reason != "":
		return f.Reason
	case f.TLS == "true":
		return "TLS without a client certificate"
	}
	return f.TLS
}

// judgeSuccess is pure.
func judgeSuccess(s spec, w metrics.Window) finding {
	f := finding{open: unmeasured(w)}
	responses := w.SuccessRate(nil)
	ratio, known := responses.Ratio()
	if !known || responses.Whole < s.minRequests {
		f.open = append(f.open, fmt.Sprintf("%.0f responses were seen, %.0f are needed", responses.Whole, max(s.minRequests, 1)))
	}
	if known && ratio < s.minSuccess {
		f.against = append(f.against, fmt.Sprintf("%s of %.0f responses were successes, %s are needed", percent(ratio), responses.Whole, percent(s.minSuccess)))
	}
	f.result = fmt.Sprintf("%.0f responses in %s, %s successes", responses.Whole, s.window, percent(ratio))
	if s.maxLatency > 0 {
		latency, seen := w.Latency(0.99, nil)
		switch {
		case !seen:
			f.open = append(f.open, "no latency was measured")
		case latency > s.maxLatency:
			f.against = append(f.against, fmt.Sprintf("the 99th percentile of the latency is %s, at most %s is allowed", latency.Round(time.Millisecond), s.maxLatency))
		}
		f.result += fmt.Sprintf(", p99 %s", latency.Round(time.Millisecond))
	}
	return f
}

// percent never rounds up to a whole that is not there.
func percent(ratio float64) string {
	hundredths := int(ratio * 10000)
	if hundredths%100 == 0 {
		return fmt.Sprintf("%d%%", hundredths/100)
	}
	return fmt.Sprintf("%d.%02d%%", hundredths/100, hundredths%100)
}

// certificates looks at those of the control plane and, when a namespace is given, at those of the proxies in it.
func (t gate) certificates(ctx context.Context, s spec) (finding, hcl.Diagnostics) {
	now := time.Now().UTC()
	entries, ds := certs.Inventory(ctx, t.env.Cluster(), t.env, now, s.minRemaining)
	if ds.HasErrors() {
		return finding{}, ds
	}
	var f finding
	count, first := 0, time.Time{}
	note := func(name string, notAfter time.Time) {
		count++
		if first.IsZero() || notAfter.Before(first) {
			first = notAfter
		}
		if left := notAfter.Sub(now); left < s.minRemaining {
			f.against = append(f.against, fmt.Sprintf("%s ends at %s, less than %s from now", name, notAfter.UTC().Format(time.RFC3339), s.minRemaining))
		}
	}
	for _, e := range entries {
		name := e.Kind + " " + diag.Scrub(e.Name)
		if e.Certificate != nil {
			note(name, e.Certificate.NotAfter)
		}
		for _, problem := range e.Findings {
			switch {
			case !problem.Warning:
				f.against = append(f.against, name+": "+strings.TrimSuffix(problem.Detail, "."))
			case e.Certificate == nil:
				f.open = append(f.open, name+": "+strings.TrimSuffix(problem.Detail, "."))
			}
		}
	}
	if s.namespace != "" {
		states, meshed, ds := t.states(ctx, s)
		if ds.HasErrors() || !meshed.holds() {
			return meshed, ds
		}
		var pods []metrics.Pod
		for _, st := range states {
			pods = append(pods, st.Proxies()...)
		}
		w := metrics.SinceStart(metrics.Scraper{Forward: t.env.Cluster().Forward}.Scrape(ctx, pods))
		f.open = append(f.open, unmeasured(w)...)
		leaves := w.Certificates()
		for _, leaf := range leaves {
			note("certificate of pod "+leaf.Pod.Name, leaf.NotAfter)
		}
		if missing := len(w.Growth) - len(leaves); missing > 0 {
			f.open = append(f.open, fmt.Sprintf("%d proxies do not report a certificate", missing))
		}
	}
	if count == 0 {
		f.open = append(f.open, "no certificate was found")
	}
	f.result = fmt.Sprintf("%d certificates valid, the first ends at %s", count, first.UTC().Format(time.RFC3339))
	return f, nil
}

func (t gate) checks(ctx context.Context) (finding, hcl.Diagnostics) {
	results, ds := install.RunChecks(ctx, t.env.Cluster(), t.env, install.CheckOptions{Now: time.Now()})
	if ds.HasErrors() {
		return finding{}, ds
	}
	var f finding
	warnings := 0
	for _, r := range results {
		switch r.Status {
		case install.Failed:
			f.against = append(f.against, fmt.Sprintf("%s, %s: %s", r.Category, r.Name, diag.Scrub(r.Message)))
		case install.Warning:
			warnings++
		}
	}
	if len(results) == 0 {
		f.open = append(f.open, "no check was made")
	}
	f.result = fmt.Sprintf("%d checks passed", len(results)-warnings)
	if warnings > 0 {
		f.result += fmt.Sprintf(", %d warnings", warnings)
	}
	return f, nil
}
