package cli

import (
	"context"
	"crypto/rand"
	"runtime"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/internal/alarm"
	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/plans"
	"github.com/meshplan/meshplan/plans/render"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
)

// The codes of what goes wrong after drift was looked for.
const (
	// CodeTell: a message about drift was not delivered; the next look tries again.
	CodeTell diag.Code = "drift.message"
	// CodeRemember: what was told last cannot be read or kept, so the same drift may be told again.
	CodeRemember diag.Code = "drift.memory"
	// CodeMetrics: the metrics of a look could not be written or pushed.
	CodeMetrics diag.Code = "drift.metrics"
)

// tell tells people what has changed since they were told last. A look that found out nothing tells nothing, and what
// nobody was told is not remembered.
func (l *driftLook) tell(ctx context.Context) {
	wrong := func(code diag.Code, summary string, err error) {
		l.late = append(l.late, diag.FromError(code, summary, err, nil)...)
	}
	hook, err := l.flags.hook(l.app)
	if err != nil {
		wrong(CodeTell, "Nobody can be told", err)
	}
	if l.found == nil || hook == nil {
		return
	}
	keeper, err := l.flags.keeper(func() *kube.Pool {
		return kube.NewPool(kube.Options{Kubeconfig: l.in.kubeconfig, Context: l.in.context, Logger: l.app.logger(), UserAgent: "meshplan/" + readVersion().Version})
	})
	if err != nil {
		wrong(CodeRemember, "Memory cannot be used", err)
	}
	var memory alarm.Memory
	if keeper != nil {
		text, err := keeper.Load(ctx)
		if err == nil {
			memory, err = alarm.DecodeMemory(text)
		}
		if err != nil { // to tell it twice is better than not at all
			wrong(CodeRemember, "Memory cannot be read", err)
		}
	}
	difference, next := memory.Next(alarm.Look{Lineage: l.report.Lineage, Items: l.division.Alarming, Incomplete: l.ds.HasErrors(), At: l.app.now(), RemindAfter: l.flags.remindAfter()})
	if difference.Event == alarm.Unchanged {
		if len(difference.Items) > 0 {
			l.say("The same was told at %s: nobody is told again.", memory.Told.UTC().Format("2006-01-02 15:04 UTC"))
		}
		return
	}
	m := alarm.NewMessage(difference, rand.Text(), next.Fingerprint, l.report.At)
	m.Acknowledged, m.Pending, m.Incomplete = len(l.division.Acknowledged), len(l.report.Pending), l.ds.HasErrors()
	m.Clusters, m.Directory, m.Lineage, m.Link = l.report.Clusters, l.report.Directory, l.report.Lineage, l.flags.link
	if err := hook.Send(ctx, m); err != nil {
		wrong(CodeTell, "Nobody was told", err)
		return
	}
	l.say("Told: %s.", m.Title)
	if keeper == nil {
		return
	}
	text, err := next.Encode()
	if err == nil {
		err = keeper.Keep(ctx, text)
	}
	if err != nil {
		wrong(CodeRemember, "Memory cannot be kept", err)
	}
}

// measure writes and pushes what the look measured. A file and a gateway do not depend on each other.
func (l *driftLook) measure(ctx context.Context) {
	if l.flags.textfile == "" && l.flags.pushgateway == "" {
		return
	}
	m := l.measurement()
	wrong := func(err error) {
		if err != nil {
			l.late = append(l.late, diag.FromError(CodeMetrics, "Metrics cannot be handed over", err, nil)...)
		}
	}
	if l.flags.textfile != "" {
		wrong(alarm.WriteTextfile(l.flags.textfile, m, l.flags.metricLabels()))
	}
	if l.flags.pushgateway != "" {
		wrong(alarm.Pushgateway{URL: l.flags.pushgateway, Labels: l.flags.metricLabels()}.Push(ctx, m))
	}
}

// measurement counts what was found.
func (l *driftLook) measurement() alarm.Measurement {
	v := readVersion()
	m := alarm.Measurement{Outcome: alarm.Looked, Objects: map[alarm.Class]int{}, Pending: len(l.report.Pending), Acknowledged: len(l.division.Acknowledged),
		Took: l.app.now().Sub(l.started), At: l.report.At, Version: v.Version, Revision: v.Revision, GoVersion: runtime.Version()}
	for _, d := range slices.Concat(l.ds, l.late) {
		if d.Severity == hcl.DiagError {
			m.Errors++
		}
	}
	switch {
	case l.report.InProgress != "":
		m.Outcome = alarm.Waiting
	case l.found == nil:
		m.Outcome = alarm.Failed
	}
	if l.report.PendingUnknown != "" {
		m.Pending = -1
	}
	if l.snapshot != nil {
		for _, r := range l.snapshot.Records { // zeros too, so that what has been repaired does not keep its number
			m.Objects[alarm.Class{Kind: r.Addr.Type, Class: alarm.Changed}] += 0
			m.Objects[alarm.Class{Kind: r.Addr.Type, Class: alarm.Gone}] += 0
		}
	}
	for _, c := range l.report.Drift {
		class := alarm.Changed
		if c.Action == plans.Delete {
			class = alarm.Gone
		}
		m.Objects[alarm.Class{Kind: c.Addr.Type, Class: class}]++
	}
	for _, f := range l.report.Findings {
		m.Objects[alarm.Class{Kind: kindOf(f), Class: f.Class}]++
	}
	if l.found != nil {
		for _, g := range l.found.Gauges {
			m.Gauges = append(m.Gauges, alarm.Gauge{Name: g.Name, Help: g.Help, Labels: g.Labels, Value: g.Value})
		}
	}
	for _, i := range l.division.Alarming {
		if i.Path != "" && !strings.Contains(i.Kind, ".") { // the path of a finding names an object
			m.Fields++
		}
	}
	return m
}

// kindOf returns what a finding is counted by: the type of the instance that answers for the object, or else the kind
// that the object's name begins with.
func kindOf(f render.DriftFinding) string {
	if a, err := addr.Parse(f.Address); err == nil {
		return a.Type
	}
	kind, _, _ := strings.Cut(f.Object, " ")
	return kind
}
