package mesh

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/zclconf/go-cty/cty"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/meshplan/meshplan/internal/schema"
)

const injectionExample = `resource "linkerd_injection" "shop" {
  namespace = "shop"
  config = {
    "proxy-cpu-request" = "10m"
  }

  # Servers before their clients.
  depends_on_workloads = {
    tripservice   = ["driverservice", "userservice", "paymentservice"]
    driverservice = ["locationservice"]
  }
  max_parallel = 2

  gate {
    timeout = "5m"
  }
}
`

// statusType is the type of one entry of the computed attribute `status`.
func statusType() cty.Type {
	return cty.Object(map[string]cty.Type{"meshed": cty.Bool, "pods": cty.Number, "proxy_version": cty.String})
}

func injectionSchema() *schema.Resource {
	stringList := cty.List(cty.String)
	return &schema.Resource{
		Summary: "Brings the workloads of a namespace into the mesh, wave by wave",
		Description: "Asks the proxy injector for proxies, restarts the workloads in waves and proves after each wave that every pod is fully meshed: " +
			"a ready proxy of the right version, the right trust anchors and identity, and the settings given here. " +
			"The next wave does not start before that. What is meshed already is not restarted, so an interrupted run goes on where it stopped.\n\n" +
			"Before the first restart a pod is created without being stored, to prove that the injector answers. " +
			"Destroying the resource takes the annotations back, restarts in the opposite order and proves that no proxy is left.\n\n" +
			"Without `workloads` the namespace is annotated and every Deployment, StatefulSet and DaemonSet in it is restarted, except those whose template opts out. Jobs are never restarted: their pods get a proxy at their next run, and the plan says which. " +
			"With `workloads` only the templates of those are annotated.",
		Example: injectionExample,
		Block: schema.Block{
			Attributes: map[string]*schema.Attribute{
				"namespace": {Type: cty.String, Required: true, Replace: true, Description: "Namespace of the workloads."},
				"workloads": {Type: stringList, Optional: true, Validate: eachString(checkWorkloadName),
					Description: "Workloads to bring into the mesh, as `kind/name` (`deployment/web`, `statefulset/db`, `daemonset/agent`, `cronjob/backup`, whose pods get a proxy at its next run). Default: all of the namespace."},
				"mode": {Type: cty.String, Optional: true, Default: cty.StringVal("enabled"), OneOf: []string{"enabled", "ingress"},
					Description: "`ingress` is for ingress controllers that address pods by themselves."},
				"config": {Type: cty.Map(cty.String), Optional: true, Keys: settingNames(),
					Description: "Settings of the proxies: annotations `config.linkerd.io/*`, whose prefix may be left out. Unknown names and values that the injector would ignore are errors."},
				"order": {Type: cty.List(stringList), Optional: true,
					Description: "Waves in order, each a list of workloads (`name` or `kind/name`). Workloads that are not listed come last."},
				"depends_on_workloads": {Type: cty.Map(stringList), Optional: true,
					Description: "Which workloads each workload calls. Those that are called come first, so that a client is never meshed before its servers."},
				"max_parallel": {Type: cty.Number, Optional: true, Default: cty.NumberIntVal(2), Validate: positive,
					Description: "How many workloads restart at once; larger waves are split. Default 2."},
				"proxy_version": {Type: cty.String, Optional: true,
					Description: "Version that every proxy must have. Refer to the control plane's version, so that an upgrade and the restarts that it needs are one plan. Default: what the control plane is configured with."},
				"conflicts": {Type: cty.String, Optional: true, Default: cty.StringVal("error"), OneOf: []string{"error", "force"},
					Description: "What to do when somebody else has set one of the annotations to another value: refuse, or take it over."},
				"meshed": {Type: cty.String, Computed: true, Description: "How many workloads are fully meshed, as `5/5`."},
				"status": {Type: cty.Map(statusType()), Computed: true,
					Description: "Each workload: whether it is fully meshed, how many pods were proved, and the version of their proxies."},
				"waves": {Type: cty.List(stringList), Computed: true, Description: "The waves in which workloads restart."},
			},
			Blocks: map[string]*schema.NestedBlock{
				"gate": {Nesting: schema.Single, Description: "What must be true before the next wave.", Block: schema.Block{
					Attributes: map[string]*schema.Attribute{
						"timeout": {Type: cty.String, Optional: true, Default: cty.StringVal("10m"), Validate: checkDuration,
							Description: "How long one wave may take until it is proved. Default 10m."},
					},
				}},
			},
		},
		Validate: validateInjection,
	}
}

// validateInjection checks what needs more than one attribute.
func validateInjection(config cty.Value) []schema.Problem {
	settings := config.GetAttr("config")
	if !settings.IsKnown() || settings.IsNull() {
		return nil
	}
	named := config.GetAttr("workloads")
	onNamespace := named.IsKnown() && named.IsNull()
	var out []schema.Problem
	values := settings.AsValueMap()
	for _, key := range slices.Sorted(maps.Keys(values)) {
		v := values[key]
		if !v.IsKnown() || v.IsNull() {
			continue
		}
		if err := CheckSetting(key, v.AsString(), onNamespace); err != nil {
			out = append(out, schema.Problem{
				Path: cty.GetAttrPath("config").IndexString(key), Summary: "Setting has no effect",
				Detail: fmt.Sprintf("The setting would do nothing: %s", endSentence(err.Error())),
			})
		}
	}
	return out
}

func endSentence(s string) string {
	if strings.HasSuffix(s, "?") {
		return s
	}
	return strings.TrimSuffix(s, ".") + "."
}

func eachString(check func(string) error) func(cty.Value) error {
	return func(v cty.Value) error {
		for _, e := range v.AsValueSlice() {
			if e.IsNull() {
				return errors.New("an element is null")
			}
			if err := check(e.AsString()); err != nil {
				return err
			}
		}
		return nil
	}
}

func checkWorkloadName(s string) error {
	kind, name := splitWorkload(s)
	if kind == "job" {
		return fmt.Errorf("%q is a Job, whose template cannot change: write the annotation %s where the Job is declared", s, InjectAnnotation)
	}
	if _, ok := workloadKind(kind); !ok || len(validation.IsDNS1123Subdomain(name)) > 0 {
		return fmt.Errorf("%q is not kind/name with a Deployment, StatefulSet, DaemonSet or CronJob, for instance \"deployment/web\"", s)
	}
	return nil
}

func positive(v cty.Value) error {
	if n, acc := v.AsBigFloat().Int64(); n < 1 || acc != 0 {
		return errors.New("it must be a whole number of at least 1")
	}
	return nil
}

func checkDuration(v cty.Value) error {
	if d, err := time.ParseDuration(v.AsString()); err != nil || d <= 0 {
		return fmt.Errorf("%q is not a duration such as \"5m\"", v.AsString())
	}
	return nil
}
