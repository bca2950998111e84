package metrics

import (
	"maps"
	"math"
	"slices"
	"strconv"
	"time"
)

// Latency returns the q-quantile (0 < q < 1) of the inbound response latency in the window, for the workloads for
// which keep returns true (nil keeps all), and whether there was a response at all. It interpolates inside a bucket
// as Prometheus' histogram_quantile does; a value in the last, open bucket gives the greatest finite bound.
func (w Window) Latency(q float64, keep func(Pod) bool) (time.Duration, bool) {
	counts := map[float64]float64{}
	for _, g := range w.Growth {
		if keep != nil && !keep(g.Pod) {
			continue
		}
		for _, m := range g.Samples {
			if m.Name != "response_latency_ms_bucket" || m.Labels["direction"] != "inbound" || flowOf(g.Pod, m.Labels).Infrastructure() {
				continue
			}
			if le, err := strconv.ParseFloat(m.Labels["le"], 64); err == nil && !math.IsNaN(le) {
				counts[le] += m.Value
			}
		}
	}
	ms, ok := quantile(q, counts)
	return time.Duration(ms * float64(time.Millisecond)), ok
}

// quantile works on cumulative counts by upper bound.
func quantile(q float64, counts map[float64]float64) (float64, bool) {
	bounds := slices.Sorted(maps.Keys(counts))
	if len(bounds) == 0 || q <= 0 || q >= 1 {
		return 0, false
	}
	total := counts[bounds[len(bounds)-1]]
	if total <= 0 {
		return 0, false
	}
	rank, lower, below := q*total, 0.0, 0.0
	for _, upper := range bounds {
		if counts[upper] < rank {
			lower, below = upper, counts[upper]
			continue
		}
		if math.IsInf(upper, 1) {
			return lower, true
		}
		if inside := counts[upper] - below; inside > 0 {
			return lower + (upper-lower)*(rank-below)/inside, true
		}
		return upper, true
	}
	return lower, true
}
