package mesh

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

// retainIdle is how long a proxy shows a series that no longer moves.
const retainIdle = 10 * time.Minute

// metrics are the traffic counters of one proxy. They are guarded by keeper.mu.
type metrics map[series]*sample

type series struct{ name, labels string }

type sample struct {
	value   float64
	touched time.Time
}

// label is one label of a series; labels are written in the order given.
type label struct{ name, value string }

func labelled(ls []label) string {
	var b strings.Builder
	for i, l := range ls {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "%s=%q", l.name, l.value)
	}
	return b.String()
}

func (m metrics) add(name string, ls []label, n float64, now time.Time) {
	m.at(name, ls, now).value += n
}

func (m metrics) at(name string, ls []label, now time.Time) *sample {
	key := series{name, labelled(ls)}
	s := m[key]
	if s == nil {
		s = &sample{}
		m[key] = s
	}
	s.touched = now
	return s
}

// latencyBuckets are the upper bounds of the proxy's latency histograms, in milliseconds.
var latencyBuckets = []int{1, 2, 3, 4, 5, 10, 20, 30, 40, 50, 100, 200, 300, 400, 500, 1000, 2000, 3000, 4000, 5000,
	10000, 20000, 30000, 40000, 50000}

// observe counts n responses of the same latency.
func (m metrics) observe(ls []label, latencyMS int, n float64, now time.Time) {
	for _, le := range latencyBuckets {
		if latencyMS <= le {
			m.add("response_latency_ms_bucket", append(slices.Clone(ls), label{"le", fmt.Sprint(le)}), n, now)
		}
	}
	m.add("response_latency_ms_bucket", append(slices.Clone(ls), label{"le", "+Inf"}), n, now)
	m.add("response_latency_ms_sum", ls, n*float64(latencyMS), now)
	m.add("response_latency_ms_count", ls, n, now)
}

// kinds gives the metric type of each family; those not listed are counters.
var kinds = map[string]string{
	"tcp_open_connections": "gauge", "response_latency_ms": "histogram", "process_start_time_seconds": "gauge",
	"control_identity_cert_expiration_timestamp_seconds": "gauge", "control_identity_cert_refresh_timestamp_seconds": "gauge",
	"proxy_build_info": "gauge", "rustls_info": "gauge", "issuer_cert_ttl_seconds": "gauge",
}

// write renders the metrics as Prometheus text, sorted, and drops what has been idle for too long.
func (m metrics) write(w io.Writer, now time.Time) {
	maps.DeleteFunc(m, func(_ series, s *sample) bool { return now.Sub(s.touched) > retainIdle })
	keys := slices.SortedFunc(maps.Keys(m), func(a, b series) int {
		if n := strings.Compare(family(a.name), family(b.name)); n != 0 {
			return n
		}
		if n := strings.Compare(a.name, b.name); n != 0 {
			return n
		}
		return strings.Compare(a.labels, b.labels)
	})
	last := ""
	for _, k := range keys {
		if f := family(k.name); f != last {
			kind := kinds[f]
			if kind == "" {
				kind = "counter"
			}
			fmt.Fprintf(w, "# TYPE %s %s\n", f, kind)
			last = f
		}
		if k.labels == "" {
			fmt.Fprintf(w, "%s %v\n", k.name, m[k].value)
		} else {
			fmt.Fprintf(w, "%s{%s} %v\n", k.name, k.labels, m[k].value)
		}
	}
}

// family is the name under which a series' type is declared.
func family(name string) string {
	for _, suffix := range []string{"_bucket", "_sum", "_count"} {
		if f, ok := strings.CutSuffix(name, suffix); ok && kinds[f] == "histogram" {
			return f
		}
	}
	return name
}
