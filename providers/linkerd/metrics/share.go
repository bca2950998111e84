package metrics

// Share is a part of a whole. A whole of zero means that nothing was seen: the ratio is then unknown.
type Share struct{ Part, Whole float64 }

// Ratio returns Part/Whole and whether anything was seen.
func (s Share) Ratio() (ratio float64, known bool) {
	if s.Whole <= 0 {
		return 0, false
	}
	return s.Part / s.Whole, true
}

// MTLS returns which share of the allowed traffic was mutual TLS. Application TLS that passes through counts as not
// mutual: the mesh has not seen an identity.
func MTLS(flows []Flow) Share {
	var s Share
	for _, f := range flows {
		s.Whole += f.Allowed
		if f.Mutual() {
			s.Part += f.Allowed
		}
	}
	return s
}

// Verdicts sums what the policies decided.
func Verdicts(flows []Flow) (allowed, denied float64) {
	for _, f := range flows {
		allowed += f.Allowed
		denied += f.Denied
	}
	return allowed, denied
}

// Workload identifies a controller within the cluster.
type Workload struct{ Namespace, Name string }

// ByWorkload groups flows by the workload that was called, keeping their order.
func ByWorkload(flows []Flow) map[Workload][]Flow {
	out := map[Workload][]Flow{}
	for _, f := range flows {
		w := Workload{f.Namespace, f.Workload}
		out[w] = append(out[w], f)
	}
	return out
}

// SuccessRate returns which share of the inbound responses in the window the proxies classified as success, for the
// workloads for which keep returns true (nil keeps all).
func (w Window) SuccessRate(keep func(Pod) bool) Share {
	var s Share
	for _, g := range w.Growth {
		if keep != nil && !keep(g.Pod) {
			continue
		}
		for _, m := range g.Samples {
			if m.Name != "response_total" || m.Labels["direction"] != "inbound" || flowOf(g.Pod, m.Labels).Infrastructure() {
				continue
			}
			s.Whole += m.Value
			if m.Labels["classification"] == "success" {
				s.Part += m.Value
			}
		}
	}
	return s
}
