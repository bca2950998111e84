package mesh

import (
	"cmp"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
)

// backend is a share of the pods that calls of a Service go to.
type backend struct {
	weight int
	pods   []*corev1.Pod
}

type splitRoute struct {
	ParentRefs []parentRef `json:"parentRefs"`
	Rules      []struct {
		Matches []struct {
			Headers []struct {
				Name  string `json:"name"`
				Value string `json:"value"`
			} `json:"headers"`
		} `json:"matches"`
		BackendRefs []struct {
			Name   string `json:"name"`
			Weight *int   `json:"weight"`
		} `json:"backendRefs"`
	} `json:"rules"`
}

// backends returns where calls of an entry's Service go by the routes that are in force on it; nil when there are none,
// or a ServiceProfile hides them. Only meshed clients follow routes.
func (k *keeper) backends(e trafficEntry, namespace string, ready []*corev1.Pod) []backend {
	for _, p := range k.world.custom.list("linkerd.io", "serviceprofiles") {
		if p.GetName() == e.Service+"."+namespace+".svc.cluster.local" {
			return nil
		}
	}
	for _, group := range []string{policyGroup, gatewayGroup} {
		for _, o := range k.world.custom.list(group, "httproutes") {
			var spec splitRoute
			if o.GetNamespace() != namespace || decodeSpec(o, &spec) != nil || !onService(o, e.Service) {
				continue
			}
			for _, rule := range spec.Rules {
				if !headersMatch(rule.Matches, e.Headers) || len(rule.BackendRefs) == 0 {
					continue
				}
				var out []backend
				for _, ref := range rule.BackendRefs {
					b := backend{weight: 1}
					if ref.Weight != nil {
						b.weight = *ref.Weight
					}
					if s, err := k.world.services.Services(namespace).Get(ref.Name); err == nil {
						b.pods = selected(s, ready)
					}
					out = append(out, b)
				}
				return out
			}
		}
	}
	return nil
}

func headersMatch[M ~[]struct {
	Headers []struct {
		Name  string `json:"name"`
		Value string `json:"value"`
	} `json:"headers"`
}](matches M, headers map[string]string) bool {
	if len(matches) == 0 {
		return true
	}
	for _, m := range matches {
		all := true
		for _, h := range m.Headers {
			all = all && headers[h.Name] == h.Value
		}
		if all {
			return true
		}
	}
	return false
}

// onService says whether the policy controller has accepted a route for a Service.
func onService(o *unstructured.Unstructured, service string) bool {
	parents, _, _ := unstructured.NestedSlice(o.Object, "status", "parents")
	for _, p := range parents {
		parent, _ := p.(map[string]any)
		ref, _ := parent["parentRef"].(map[string]any)
		conditions, _ := parent["conditions"].([]any)
		if ref["kind"] != "Service" || ref["name"] != service {
			continue
		}
		for _, c := range conditions {
			if c, _ := c.(map[string]any); c["type"] == "Accepted" && c["status"] == "True" {
				return true
			}
		}
	}
	return false
}

func selected(s *corev1.Service, pods []*corev1.Pod) []*corev1.Pod {
	var out []*corev1.Pod
	for _, p := range pods {
		if len(s.Spec.Selector) > 0 && p.Namespace == s.Namespace && labels.SelectorFromSet(s.Spec.Selector).Matches(labels.Set(p.Labels)) {
			out = append(out, p)
		}
	}
	return out
}

// divide chooses a pod for each of count requests by weights, spread evenly over time: turn goes on where it stopped.
func divide(backends []backend, count int, turn *int) map[*corev1.Pod]int {
	total := 0
	for _, b := range backends {
		total += b.weight
	}
	out := map[*corev1.Pod]int{}
	if total == 0 {
		return out
	}
	for range count {
		const stride = 7919 // a prime, so that neighbours go to different backends
		at := *turn * stride % total
		*turn++
		for _, b := range backends {
			if at -= b.weight; at < 0 {
				if len(b.pods) > 0 {
					out[b.pods[*turn%len(b.pods)]]++
				}
				break
			}
		}
	}
	return out
}

// successOf is the share of good answers of a workload.
func (e trafficEntry) successOf(workload string) float64 {
	if s, ok := e.SuccessOf[workload]; ok {
		return s
	}
	if e.Success != nil {
		return *e.Success
	}
	return 1
}

// latencyOf is the time that a workload takes to answer.
func (e trafficEntry) latencyOf(workload string) int {
	return cmp.Or(e.LatencyOf[workload], e.LatencyMS)
}
