package rbac_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/meshplan/meshplan/engine"
	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/internal/golden"
	"github.com/meshplan/meshplan/internal/rbac"
	"github.com/meshplan/meshplan/providers"
)

// rights are of a configuration that makes one namespace and works in another.
func rights(t *testing.T) engine.Permissions {
	t.Helper()
	p := engine.Permissions{Place: "context prod", Providers: []string{"kubernetes"}}
	add := func(who string, r providers.Right) {
		a := addr.Instance{}
		if who != "" {
			var err error
			if a, err = addr.Parse(who); err != nil {
				t.Fatal(err)
			}
		}
		p.Rights = append(p.Rights, engine.Permission{Right: r, Addr: a})
	}
	add("", providers.Right{For: providers.ForDrift, Resource: "namespaces", Names: []string{"kube-system"}, Verbs: []string{"get"}, Why: "tell this cluster from others"})
	add("", providers.Right{For: providers.ForDrift, URLs: []string{"/api", "/apis"}, Verbs: []string{"get"}, Why: "learn which kinds there are"})
	add("kubernetes_namespace.shop", providers.Right{For: providers.ForChecks, Resource: "namespaces", Names: []string{"shop"}, Verbs: []string{"create"}, Why: "create"})
	for i := range 4 {
		who := fmt.Sprintf(`kubernetes_manifest.settings["%d"]`, i)
		for _, ns := range []string{"shop", "billing"} {
			name := fmt.Sprintf("settings-%d", i)
			add(who, providers.Right{For: providers.ForDrift, Resource: "configmaps", Namespace: ns, Names: []string{name}, Verbs: []string{"get"}, Many: 4, Why: "read"})
			add(who, providers.Right{For: providers.ForChecks, Resource: "configmaps", Namespace: ns, Names: []string{name}, Verbs: []string{"patch"}, Why: "change"})
			add(who, providers.Right{For: providers.ForApply, Resource: "configmaps", Namespace: ns, Names: []string{name}, Verbs: []string{"create"}, Why: "create"})
		}
	}
	add("kubernetes_secret.token", providers.Right{For: providers.ForDrift, Resource: "secrets", Namespace: "billing", Names: []string{"token"}, Verbs: []string{"get"}, Why: "read"})
	add("kubernetes_secret.token", providers.Right{For: providers.ForApply, Resource: "secrets", Namespace: "billing", Names: []string{"token"}, Verbs: []string{"watch"}, Why: "see it go"})
	add("data.kubernetes_objects.all", providers.Right{For: providers.ForPlan, Group: "apps", Resource: "deployments", Verbs: []string{"list"}, Why: "read"})
	add("linkerd_injection.billing", providers.Right{For: providers.ForDrift, Group: "apps", Resource: "deployments", Namespace: "billing", Verbs: []string{"list"}, Why: "see workloads"})
	add("linkerd_injection.billing", providers.Right{For: providers.ForApply, Resource: "events", Namespace: "billing", Verbs: []string{"list"}, Rare: true, Why: "say why it does not start"})
	return p
}

func TestRoles(t *testing.T) {
	for purpose, name := range map[providers.Purpose]string{providers.ForDrift: "drift", providers.ForPlan: "plan", providers.ForApply: "apply"} {
		var b bytes.Buffer
		o := rbac.Options{Name: "meshplan", Purpose: name, Account: rbac.Account{Namespace: "ci", Name: "on"}}
		if err := rbac.YAML(&b, []rbac.Set{rbac.Of(rights(t), purpose)}, o); err != nil {
			t.Fatal(err)
		}
		golden.Check(t, name, b.Bytes())
	}
}

// The two forms say the same, and no purpose needs less than the one before it.
func TestPurposesGrow(t *testing.T) {
	var last map[string]bool
	for purpose := providers.ForDrift; purpose <= providers.ForApply; purpose++ {
		var b bytes.Buffer
		if err := rbac.JSON(&b, []rbac.Set{rbac.Of(rights(t), purpose)}, rbac.Options{Name: "x"}); err != nil {
			t.Fatal(err)
		}
		now := granted(t, b.Bytes())
		for g := range last {
			if _, bare, _ := strings.Cut(g, "/"); !now[g] && !now["ClusterRole/"+bare] {
				t.Errorf("purpose %d lacks %s, which the one before it has", purpose, g)
			}
		}
		last = now
	}
}

// A rule for more names than anybody reads is one for all.
func TestManyNames(t *testing.T) {
	p := engine.Permissions{Place: "here"}
	for i := range 150 {
		p.Rights = append(p.Rights, engine.Permission{Right: providers.Right{For: providers.ForDrift, Resource: "configmaps", Namespace: "a", Names: []string{fmt.Sprint(i)}, Verbs: []string{"get"}}})
	}
	got := rbac.Of(p, providers.ForDrift)
	if len(got.Roles) != 1 || len(got.Roles[0].Rules) != 1 || len(got.Roles[0].Rules[0].Names) != 0 {
		t.Errorf("got %+v", got)
	}
}

// granted takes a List apart into what it grants.
func granted(t *testing.T, list []byte) map[string]bool {
	t.Helper()
	var l struct {
		Items []struct {
			Kind     string
			Metadata struct{ Namespace string }
			Rules    []struct{ APIGroups, Resources, ResourceNames, NonResourceURLs, Verbs []string }
		}
	}
	if err := json.Unmarshal(list, &l); err != nil {
		t.Fatal(err)
	}
	out := map[string]bool{}
	for _, i := range l.Items {
		for _, r := range i.Rules {
			for _, v := range r.Verbs {
				for _, what := range append(r.Resources, r.NonResourceURLs...) {
					out[i.Kind+i.Metadata.Namespace+"/"+v+" "+what] = true
				}
			}
		}
	}
	return out
}

// TestLacking: what is denied comes back by namespace, and names are asked about only where not all objects are allowed.
func TestLacking(t *testing.T) {
	p := rights(t)
	var mu sync.Mutex
	questions := map[string]int{}
	ask := func(allowed func(providers.Right) bool) func(providers.Right) bool {
		return func(r providers.Right) bool {
			mu.Lock()
			defer mu.Unlock()
			questions[fmt.Sprint(r)]++
			if len(r.Verbs) != 1 || len(r.Names)+len(r.URLs) > 1 {
				t.Errorf("the question is about more than one thing: %+v", r)
			}
			return allowed(r)
		}
	}
	if lacking, asked := rbac.Lacking(p, providers.ForApply, ask(func(providers.Right) bool { return true })); len(lacking.Roles) != 0 || asked != len(questions) {
		t.Errorf("everything is allowed: %d asked of %d, %+v", len(questions), asked, lacking)
	}
	all, asked := rbac.Lacking(p, providers.ForApply, ask(func(providers.Right) bool { return false }))
	if len(all.Roles) == 0 || asked == 0 {
		t.Fatal("nothing is lacking")
	}
	var text []string
	lacking, _ := rbac.Lacking(p, providers.ForApply, ask(func(r providers.Right) bool { return r.Verbs[0] != "patch" || slices.Contains(r.Names, "settings-1") }))
	for _, role := range lacking.Roles {
		for _, rule := range role.Rules {
			if !slices.Equal(rule.Verbs, []string{"patch"}) || slices.Contains(rule.Names, "settings-1") {
				t.Errorf("%s is said to be lacking", rule.Sentence(role.Namespace))
			}
			text = append(text, rule.Sentence(role.Namespace))
		}
	}
	if len(text) == 0 {
		t.Error("no right to patch is said to be lacking")
	}
	for question, n := range questions {
		if n > 3 {
			t.Errorf("%s was asked %d times", question, n)
		}
	}
}

func TestSentence(t *testing.T) {
	for want, r := range map[string]rbac.Rule{
		"get /version": {URLs: []string{"/version"}, Verbs: []string{"get"}},
		`get, patch and delete deployments.apps "web" in namespace shop`: {Groups: []string{"apps"}, Resources: []string{"deployments"}, Names: []string{"web"}, Verbs: []string{"get", "patch", "delete"}},
		`create pods and pods/portforward in namespace shop`:             {Groups: []string{""}, Resources: []string{"pods", "pods/portforward"}, Verbs: []string{"create"}},
		`get nodes "a", "b", "c", "d" and 2 more in namespace shop`:      {Groups: []string{""}, Resources: []string{"nodes"}, Names: []string{"a", "b", "c", "d", "e", "f"}, Verbs: []string{"get"}},
		`update deployments.apps/scale "web" in namespace shop`:          {Groups: []string{"apps"}, Resources: []string{"deployments/scale"}, Names: []string{"web"}, Verbs: []string{"update"}},
	} {
		namespace := "shop"
		if len(r.URLs) > 0 {
			namespace = ""
		}
		if got := r.Sentence(namespace); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
