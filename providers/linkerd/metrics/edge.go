package metrics

import (
	"cmp"
	"slices"
)

// Edge is one caller of one workload, as either side saw it.
type Edge struct {
	// FromNamespace and From name the caller: `deployment/web` when its own proxy reported the edge, otherwise its
	// identity, or "" for a caller without one.
	FromNamespace, From string
	ToNamespace, To     string
	Mutual              bool
	// Reason says why there was no mTLS.
	Reason string
	// Requests counts HTTP requests, or connections where no request was seen.
	Requests float64
}

// ends is an edge without its weight.
type ends struct {
	fromNamespace, from, toNamespace, to, reason string
	mutual                                       bool
}

// Edges returns who called whom in the window, ordered by caller and callee. Outbound reports of the callers name
// both sides. Inbound reports add callers whose own proxies were not measured: measured says whether an identity
// belongs to a measured pod; nil means none does. Plaintext callers cannot be told apart at the called side, so they
// are added only where no measured proxy reports plaintext to the same workload.
func (w Window) Edges(measured func(identity string) bool) []Edge {
	requests := w.outbound()
	for _, f := range w.Flows() {
		if f.Client != "" && measured != nil && measured(f.Client) || f.Client == "" && plaintext(requests, f) {
			continue
		}
		requests[ends{"", f.Client, f.Namespace, f.Workload, f.Reason, f.Mutual()}] += f.Allowed + f.Denied
	}
	out := make([]Edge, 0, len(requests))
	for e, n := range requests {
		out = append(out, Edge{e.fromNamespace, e.from, e.toNamespace, e.to, e.mutual, e.reason, n})
	}
	slices.SortFunc(out, func(a, b Edge) int {
		return cmp.Or(cmp.Compare(a.FromNamespace, b.FromNamespace), cmp.Compare(a.From, b.From),
			cmp.Compare(a.ToNamespace, b.ToNamespace), cmp.Compare(a.To, b.To), cmp.Compare(a.Reason, b.Reason), mutualFirst(a, b))
	})
	return out
}

func mutualFirst(a, b Edge) int {
	switch {
	case a.Mutual == b.Mutual:
		return 0
	case a.Mutual:
		return -1
	}
	return 1
}

// outbound sums what the callers' proxies report.
func (w Window) outbound() map[ends]float64 {
	requests, connections := map[ends]float64{}, map[ends]float64{}
	for _, g := range w.Growth {
		for _, s := range g.Samples {
			if s.Labels["direction"] != "outbound" || s.Value <= 0 {
				continue
			}
			to, ok := destination(s.Labels)
			if !ok {
				continue
			}
			e := ends{g.Pod.Namespace, g.Pod.Workload, s.Labels["dst_namespace"], to, s.Labels["no_tls_reason"], s.Labels["tls"] == "true"}
			switch {
			case s.Name == "request_total":
				requests[e] += s.Value
			case s.Name == "tcp_open_total" && s.Labels["peer"] == "dst":
				connections[e] += s.Value
			}
		}
	}
	// Connections carry the same traffic as the requests on them: they count only for pairs without requests.
	for e, n := range connections {
		if requests[e] == 0 {
			requests[e] = n
		}
	}
	return requests
}

// plaintext reports whether some measured caller already accounts for unauthenticated traffic to the flow's workload.
func plaintext(requests map[ends]float64, f Flow) bool {
	for e := range requests {
		if !e.mutual && e.from != "" && e.toNamespace == f.Namespace && e.to == f.Workload {
			return true
		}
	}
	return false
}

// destination names the workload that outbound labels point to. Traffic that leaves the mesh's knowledge has none.
func destination(l map[string]string) (string, bool) {
	for _, kind := range []string{"deployment", "statefulset", "daemonset", "replicaset", "job", "cronjob", "service"} {
		if name := l["dst_"+kind]; name != "" {
			return kind + "/" + name, true
		}
	}
	return "", false
}
