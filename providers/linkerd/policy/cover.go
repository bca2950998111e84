package policy

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/zclconf/go-cty/cty"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
	"github.com/meshplan/meshplan/providers/linkerd/mesh"
)

// levelNone is the level of a port whose Server is gone.
const levelNone = "none"

// cover is a Server that a linkerd_inbound_policy makes for one port of one workload.
type cover struct {
	Workload string                `json:"w"`
	Port     int                   `json:"p"`
	Selector *metav1.LabelSelector `json:"s"`
	Protocol string                `json:"proto"`
	// Level is the access policy; levelNone before the Server exists.
	Level string `json:"l"`
}

func (c cover) name() string {
	return strings.ReplaceAll(c.Workload, "/", "-") + "-" + strconv.Itoa(c.Port)
}

func (c cover) key() string { return c.Workload + ":" + strconv.Itoa(c.Port) }

// object is the Server at the cover's level.
func (c cover) object(namespace string) (*unstructured.Unstructured, error) {
	selector, err := runtime.DefaultUnstructuredConverter.ToUnstructured(c.Selector)
	if err != nil {
		return nil, fmt.Errorf("selector of %s: %w", c.Workload, err)
	}
	u := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": policyGroup + "/" + serverKind().Version, "kind": "Server",
		"spec": map[string]any{"podSelector": selector, "port": int64(c.Port), "proxyProtocol": c.Protocol, "accessPolicy": c.Level},
	}}
	u.SetNamespace(namespace)
	u.SetName(c.name())
	return u, nil
}

// server is the cover as the evaluator sees it.
func (c cover) server() Server {
	return Server{Name: c.name(), Selector: c.Selector, Port: intstr.FromInt32(int32(c.Port)), AccessPolicy: c.Level, Managed: true}
}

// covers finds the ports that need a Server: declared TCP ports of meshed workloads that no Server of somebody else
// covers. own are the names of Servers that we made before. Notes say what cannot be covered.
func covers(o *mesh.Observation, servers []Server, named []string, own map[string]string) (out []cover, notes []string) {
	for _, w := range o.Workloads {
		if named != nil && !slices.Contains(named, w.Name) || len(w.Current) == 0 {
			continue
		}
		pod := w.Current[0]
		if len(w.Proxies()) == 0 {
			notes = append(notes, w.Name+" is not meshed: its ports stay open")
			continue
		}
		skipped := splitPorts(pod.Annotations["config.linkerd.io/skip-inbound-ports"])
		for _, p := range containerPorts(pod) {
			port := int(p.ContainerPort)
			c := cover{Workload: w.Name, Port: port, Selector: w.Selector, Protocol: protocol(pod, p), Level: levelNone}
			if slices.Contains(skipped, port) {
				notes = append(notes, fmt.Sprintf("port %d of %s bypasses the proxy: no policy can protect it", port, w.Name))
				continue
			}
			taken := ""
			for _, s := range servers {
				if own[s.Name] != "" || !s.selects(pod, port) {
					continue
				}
				// A port that has a Server of ours is given up to one that a rollout makes, never to what a stranger put
				// beside it: the younger one is ignored as long as ours is there.
				if own[c.name()] != "" && !s.Managed && !s.Created.IsZero() {
					notes = append(notes, fmt.Sprintf("Server %q selects port %d of %s as well and is ignored: remove it", s.Name, port, w.Name))
					continue
				}
				taken = s.Name
			}
			if taken != "" {
				notes = append(notes, fmt.Sprintf("port %d of %s is left to Server %q", port, w.Name, taken))
				continue
			}
			if level := own[c.name()]; level != "" {
				c.Level = level
			}
			if !slices.ContainsFunc(out, func(other cover) bool { return other.name() == c.name() }) {
				out = append(out, c)
			}
		}
	}
	slices.SortFunc(out, func(a, b cover) int { return cmp.Or(cmp.Compare(a.Workload, b.Workload), cmp.Compare(a.Port, b.Port)) })
	return out, notes
}

// marked adds the Servers that bear the mark of their policy and that no record names, because the state was lost. They keep
// their levels: what is enforced already is not opened to be proved again.
func marked(servers []Server, o providers.Owner, levels map[string]string) map[string]string {
	for _, s := range servers {
		if levels[s.Name] == "" && s.Owner != "" && s.Owner == kube.OwnerMark(o) {
			levels[s.Name] = cmp.Or(s.AccessPolicy, Deny)
		}
	}
	return levels
}

// protocol keeps a port opaque that is opaque now: a Server's protocol takes the place of the annotation, and
// detection stalls protocols in which the server speaks first.
func protocol(pod *corev1.Pod, p corev1.ContainerPort) string {
	const defaults = "25,587,3306,4444,5432,6379,9300,11211"
	list := defaults
	if own, ok := pod.Annotations["config.linkerd.io/opaque-ports"]; ok {
		list = own
	}
	names := strings.Split(list, ",")
	if slices.Contains(splitPorts(list), int(p.ContainerPort)) || p.Name != "" && slices.Contains(names, p.Name) {
		return "opaque"
	}
	return "unknown"
}

// inboundRecord is what a linkerd_inbound_policy keeps in Private.
type inboundRecord struct {
	Set    kube.Record `json:"set"`
	Covers []cover     `json:"covers,omitempty"`
}

func decodeInbound(private []byte) (inboundRecord, error) {
	var r inboundRecord
	if len(private) == 0 {
		return r, nil
	}
	if err := json.Unmarshal(private, &r); err != nil {
		return r, fmt.Errorf("record of inbound policy: %w", err)
	}
	return r, nil
}

func (r inboundRecord) encode() []byte {
	out, err := json.Marshal(r)
	if err != nil {
		panic(err) // the type has no value that JSON cannot say
	}
	return out
}

// levels are the levels by name of the Server.
func (r inboundRecord) levels() map[string]string {
	out := map[string]string{}
	for _, c := range r.Covers {
		out[c.name()] = c.Level
	}
	return out
}

// desired are the Servers of covers that have a level.
func desired(covers []cover, namespace string) ([]kube.Desired, error) {
	var out []kube.Desired
	for _, c := range covers {
		if c.Level == levelNone {
			continue
		}
		u, err := c.object(namespace)
		if err != nil {
			return nil, err
		}
		out = append(out, kube.Desired{Object: u})
	}
	return out, nil
}

// rank orders levels; a level that is not on the ladder is weaker than all that are.
func rank(level string) int { return slices.Index(ladder(), level) }

// weakest is the level of the least protected cover.
func weakest(covers []cover) string {
	out := ""
	for _, c := range covers {
		if out == "" || rank(c.Level) < rank(out) {
			out = c.Level
		}
	}
	return cmp.Or(out, levelNone)
}

// withCovers fills in what covers say.
func withCovers(v cty.Value, covers []cover) cty.Value {
	attrs := v.AsValueMap()
	attrs["effective"] = cty.StringVal(weakest(covers))
	servers := map[string]string{}
	for _, c := range covers {
		if c.Level != levelNone {
			servers[c.key()] = c.name()
		}
	}
	attrs["servers"] = mapValue(servers)
	return cty.ObjectVal(attrs)
}
