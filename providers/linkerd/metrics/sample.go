package metrics

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// Sample is one series at one moment. Buckets of histograms are samples of their own with the label `le`.
type Sample struct {
	Name   string
	Labels map[string]string
	Value  float64
}

// key identifies the series of a sample.
func (s *Sample) key() string {
	var b strings.Builder
	b.WriteString(s.Name)
	for _, name := range slices.Sorted(maps.Keys(s.Labels)) {
		fmt.Fprintf(&b, "\xff%s\xff%s", name, s.Labels[name])
	}
	return b.String()
}

// wanted are the series that some view of this package reads; the rest of an exposition (some megabytes in a busy pod)
// is dropped while parsing.
func wanted(name string) bool {
	switch name {
	case "request_total", "response_total", "response_latency_ms", "tcp_open_total", IssuerTTL:
		return true
	}
	return strings.HasPrefix(name, "inbound_") && strings.Contains(name, "_authz_") ||
		strings.HasSuffix(name, certExpirySuffix)
}

// Parse reads an exposition in Prometheus' text format (OpenMetrics' comments do no harm) and returns the series that
// this package understands, ordered by series.
func Parse(r io.Reader) ([]Sample, error) {
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(r)
	if err != nil {
		return nil, fmt.Errorf("parse proxy metrics: %w", err)
	}
	var out []Sample
	for name, f := range families {
		if wanted(name) {
			for _, m := range f.Metric {
				out = appendSamples(out, name, f.GetType(), m)
			}
		}
	}
	keys := make(map[string]Sample, len(out))
	for _, s := range out {
		keys[s.key()] = s
	}
	out = out[:0]
	for _, k := range slices.Sorted(maps.Keys(keys)) {
		out = append(out, keys[k])
	}
	return out, nil
}

func appendSamples(out []Sample, name string, kind dto.MetricType, m *dto.Metric) []Sample {
	labels := make(map[string]string, len(m.Label))
	for _, l := range m.Label {
		labels[l.GetName()] = l.GetValue()
	}
	switch kind {
	case dto.MetricType_COUNTER:
		return append(out, Sample{name, labels, m.GetCounter().GetValue()})
	case dto.MetricType_GAUGE:
		return append(out, Sample{name, labels, m.GetGauge().GetValue()})
	case dto.MetricType_HISTOGRAM:
		h := m.GetHistogram()
		for _, b := range h.Bucket {
			withLE := maps.Clone(labels)
			withLE["le"] = strconv.FormatFloat(b.GetUpperBound(), 'g', -1, 64)
			out = append(out, Sample{name + "_bucket", withLE, float64(b.GetCumulativeCount())})
		}
		return append(out, Sample{name + "_count", labels, float64(h.GetSampleCount())})
	default:
		return append(out, Sample{name, labels, m.GetUntyped().GetValue()})
	}
}
