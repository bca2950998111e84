package alarm

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Outcome is how a look at the system ended. The zero value is invalid.
type Outcome uint8

// The outcomes of a look.
const (
	Looked  Outcome = iota + 1 // everything was read
	Failed                     // something, or all, could not be read
	Waiting                    // an apply was in progress, so nothing was judged
)

// Measurement is what one look measured, in the terms of Prometheus. No label names an object: the number of series
// does not grow with the rollout.
type Measurement struct {
	Outcome Outcome
	// Objects counts what alarms by resource type (or kind of object) and class; zeros are written as well.
	Objects map[Class]int
	Fields  int // attributes that alarm
	// Pending counts changes of the configuration that were not applied; -1 when that is not known.
	Pending      int
	Acknowledged int
	// Gauges come from providers. Names without the prefix of this program get it.
	Gauges []Gauge
	Errors int
	Took   time.Duration
	At     time.Time
	// Version, Revision and GoVersion describe the program.
	Version, Revision, GoVersion string
}

// Class is what drifted objects are counted by.
type Class struct{ Kind, Class string }

// Gauge is a number that a provider measured.
type Gauge struct {
	Name, Help string
	Labels     map[string]string
	Value      float64
}

// prefix begins the name of every metric.
const prefix = "meshplan_"

// Gatherer returns the metrics of a measurement. What a look that failed or waited cannot know is not among them, so
// that what is known from the last one stays.
func (m Measurement) Gatherer() prometheus.Gatherer {
	s := &series{}
	add := func(name, help string, v float64, labels ...string) {
		g := Gauge{Name: name, Help: help, Value: v, Labels: map[string]string{}}
		for i := 0; i < len(labels); i += 2 {
			g.Labels[labels[i]] = labels[i+1]
		}
		s.add(g)
	}
	add("build_info", "The program that looked; always 1.", 1, "version", m.Version, "revision", m.Revision, "goversion", m.GoVersion)
	add("run_duration_seconds", "How long the last look for drift took, in seconds.", m.Took.Seconds())
	add("run_errors", "Errors of the last look for drift; with any, not everything is known.", float64(m.Errors))
	add("run_timestamp_seconds", "When the last look for drift ended, whatever came of it.", float64(m.At.Unix()))
	waiting := 0.0
	if m.Outcome == Waiting {
		waiting = 1
	}
	add("apply_in_progress", "1 when the last look for drift met a run that was under way, and judged nothing.", waiting)
	if m.Outcome == Looked && m.Errors == 0 {
		add("last_success_timestamp_seconds", "When drift was last looked for without an error.", float64(m.At.Unix()))
	}
	if m.Outcome == Looked {
		m.findings(add)
		for _, g := range m.Gauges {
			s.add(g)
		}
	}
	r := prometheus.NewRegistry()
	r.MustRegister(s) // it describes nothing, so nothing can collide
	return r
}

func (m Measurement) findings(add func(name, help string, v float64, labels ...string)) {
	classes := slices.SortedFunc(maps.Keys(m.Objects), func(a, b Class) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Class, b.Class))
	})
	for _, c := range classes {
		add("drift_resources", "Objects that are not as the last run left them and alarm, by type and by what is wrong.", float64(m.Objects[c]), "kind", c.Kind, "class", c.Class)
	}
	if len(classes) == 0 {
		add("drift_resources", "Objects that are not as the last run left them and alarm, by type and by what is wrong.", 0, "kind", "none", "class", Changed)
	}
	add("drift_fields", "Attributes that are not as the last run left them and alarm.", float64(m.Fields))
	add("acknowledged", "Attributes and findings that are acknowledged and do not alarm.", float64(m.Acknowledged))
	if m.Pending >= 0 {
		add("pending_changes", "Changes of the configuration that have not been applied.", float64(m.Pending))
	}
}

// series is a collector of numbers that are known already.
type series struct{ gauges []Gauge }

func (s *series) add(g Gauge) {
	if !strings.HasPrefix(g.Name, prefix) {
		g.Name = prefix + g.Name
	}
	s.gauges = append(s.gauges, g)
}

// Describe implements prometheus.Collector. It sends nothing: the names are not known before there are numbers.
func (s *series) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (s *series) Collect(out chan<- prometheus.Metric) {
	type family struct {
		help string
		keys []string
	}
	families := map[string]family{}
	for _, g := range s.gauges {
		f, ok := families[g.Name]
		if !ok { // all series of a name must have the same help and labels
			f = family{cmp.Or(g.Help, "Measured by a provider."), slices.Sorted(maps.Keys(g.Labels))}
			families[g.Name] = f
		}
		values := make([]string, len(f.keys))
		for i, k := range f.keys {
			values[i] = strings.ToValidUTF8(g.Labels[k], "\uFFFD")
		}
		d := prometheus.NewDesc(g.Name, f.help, f.keys, nil)
		metric, err := prometheus.NewConstMetric(d, prometheus.GaugeValue, g.Value, values...)
		if err != nil {
			metric = prometheus.NewInvalidMetric(d, err)
		}
		out <- metric
	}
}
