package chart

import (
	"fmt"
	"strings"
	"time"

	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
)

func resourceSchema() *schema.Resource {
	attributes := map[string]*schema.Attribute{
		"name":             {Type: cty.String, Required: true, Replace: true, Description: "Name of the release, which templates see as .Release.Name."},
		"namespace":        {Type: cty.String, Optional: true, Default: cty.StringVal("default"), Replace: true, Description: "Namespace of the objects that name none, and .Release.Namespace."},
		"create_namespace": {Type: cty.Bool, Optional: true, Default: cty.False, Description: "Make the namespace as the first object of the chart, and delete it as the last one."},
		"values":           {Type: cty.DynamicPseudoType, Optional: true, Description: "Values of the chart, on top of values_files. A null removes the chart's default. What must not be shown belongs in secret_values: an object that holds a value from here shows it."},
		"secret_values":    {Type: cty.DynamicPseudoType, Optional: true, Sensitive: true, Description: "Values on top of values that must not be shown. Whatever they influence in the objects is not shown either."},
		"values_files":     {Type: cty.List(cty.String), Optional: true, Description: "YAML files with values, in the configuration directory. Later ones win."},
		"include_crds":     {Type: cty.Bool, Optional: true, Default: cty.True, Description: "Manage the definitions in the chart's crds directory like its other objects."},
		"skip":             {Type: cty.List(cty.String), Optional: true, Description: "Objects of the chart that are left out: a kind, or a key of objects such as \"Deployment/shop/web\"."},
		"run_hooks":        {Type: cty.List(cty.String), Optional: true, Description: "Hooks of the chart that are made as its objects, and made again when they change: a kind such as \"Job\", or a key such as \"Job/shop/migrate\". `--replace` runs them once more. Only hooks of installation and upgrade can be named; they come in the order of their kinds, without regard to weights."},
		"generated": {Type: cty.String, Optional: true, Default: cty.StringVal(generatedError), OneOf: []string{generatedError, generatedKeep},
			Description: "What to do when templates generate values (passwords, certificates, the time of day), so that each rendering differs: `error` refuses the chart and names the fields; `keep` generates them once and then keeps what the cluster has. They are read back from the live objects and count as secrets, so neither plan nor state holds them. A checksum over such values is kept with them."},
		"regenerate":    {Type: cty.DynamicPseudoType, Optional: true, Description: "Any value, such as a date: when it changes, the values that `generated = \"keep\"` keeps are generated anew."},
		"objects":       {Type: cty.DynamicPseudoType, Computed: true, Description: "The rendered objects by kind/namespace/name."},
		"chart_version": {Type: cty.String, Computed: true, Description: "Version of the chart that is installed."},
		"app_version":   {Type: cty.String, Computed: true, Description: "Version of what the chart installs, as the chart states it."},
		"chart_digest":  {Type: cty.String, Computed: true, Description: "Digest of the chart that is installed; setting digest to it pins the chart."},
	}
	for _, more := range []map[string]*schema.Attribute{sourceAttributes(), optionAttributes()} {
		for name, a := range more {
			attributes[name] = a
		}
	}
	return &schema.Resource{
		Critical: &schema.Critical{Why: "everything in its namespaces, or of its kinds, goes with it", When: holdsOthers, Which: "with a Namespace or a CustomResourceDefinition among its objects"},
		Summary:  "The objects of a Helm chart, without a Helm release.",
		Description: "Renders a chart in process and manages each of its objects: the plan shows what changes in the cluster, object by object. " +
			"There is no release record, so `helm list` does not show it. Hooks are not run unless `run_hooks` names them; the plan names the others. Charts that render random values or " +
			"the time of day are refused, because their plan would never be empty, unless `generated` says to keep what was generated first.",
		Example: `resource "kubernetes_chart" "podinfo" {
  name       = "podinfo"
  namespace  = "shop"
  repository = "https://stefanprodan.github.io/podinfo"
  chart      = "podinfo"
  version    = "6.7.1"
  values     = { replicaCount = 2 }
}
`,
		NoImport: "A chart is a set of objects, and which they are only its rendering says: set `on_exists = \"adopt\"` and apply. The plan shows object by object what is taken over and what would change; " +
			"what is as rendered is not touched and nothing restarts.",
		Block:    schema.Block{Attributes: attributes, Blocks: map[string]*schema.NestedBlock{"wait": waitBlock()}},
		Validate: validate,
	}
}

// validate reports what is wrong with the source as long as all of it is known.
func validate(config cty.Value) (out []schema.Problem) {
	if config.IsNull() || !config.IsKnown() {
		return nil
	}
	src, known := sourceFrom(config)
	if !known {
		return nil
	}
	for _, d := range src.validate() {
		out = append(out, schema.Problem{Path: diag.PathOf(d), Summary: d.Summary, Detail: d.Detail})
	}
	return out
}

// sourceAttributes are the attributes of a block that says where a chart comes from. The map is new at each call, so
// that a resource type may change what it needs otherwise (a default repository, a fixed name).
func sourceAttributes() map[string]*schema.Attribute {
	return map[string]*schema.Attribute{
		"path":       {Type: cty.String, Optional: true, Description: "Chart directory or packaged chart (.tgz), relative to the configuration directory and inside it."},
		"repository": {Type: cty.String, Optional: true, Description: "Chart repository (https://…) or OCI registry (oci://…)."},
		"chart":      {Type: cty.String, Optional: true, Description: "Name of the chart in the repository."},
		"version":    {Type: cty.String, Optional: true, Description: "Version of the chart in the repository, or a range such as \"~1.4\" of which the newest match is taken."},
		"username":   {Type: cty.String, Optional: true, Description: "User to log in to the repository as. Without it, a registry is read with what `helm registry login` and `docker login` know."},
		"password":   {Type: cty.String, Optional: true, Sensitive: true, Description: "Password or token of the user. It is sent to the repository's own host only, and never stored."},
		"digest":     {Type: cty.String, Optional: true, Description: "SHA-256 of the packaged chart as \"sha256:…\": anything else is refused, and the chart is taken from the local cache without asking the repository.", Validate: checkDigest},
	}
}

// optionAttributes are the attributes about objects that exist already. The map is new at each call.
func optionAttributes() map[string]*schema.Attribute {
	return map[string]*schema.Attribute{
		"on_exists": {Type: cty.String, Optional: true, Default: cty.StringVal(kube.OnExistsError), OneOf: []string{kube.OnExistsError, kube.OnExistsAdopt},
			Description: "What to do with objects that exist and were not made by this resource: refuse, or take them over. Objects of a Helm release are taken over with \"adopt\"."},
		"on_destroy": {Type: cty.String, Optional: true, Default: cty.StringVal(kube.OnDestroyDelete), OneOf: []string{kube.OnDestroyDelete, kube.OnDestroyOrphan},
			Description: "What becomes of the objects when the resource goes: they are deleted, or left without meshplan's marks."},
		"conflicts": {Type: cty.String, Optional: true, Default: cty.StringVal(kube.ConflictsError), OneOf: []string{kube.ConflictsError, kube.ConflictsForce, kube.ConflictsYield},
			Description: "What to do about fields that another field manager owns: refuse, take them, or leave them."},
		"field_conflicts": kube.FieldConflictsAttribute("any object of the chart"),
	}
}

// waitBlock says what to wait for after the objects are written. Without the block, everything is waited for.
func waitBlock() *schema.NestedBlock {
	return &schema.NestedBlock{
		Nesting:     schema.Single,
		Description: "What to wait for after the objects are written.",
		Block: schema.Block{Attributes: map[string]*schema.Attribute{
			"rollout": {Type: cty.Bool, Optional: true, Default: cty.True, Description: "Wait until workloads are rolled out, definitions established and webhooks served."},
			"timeout": {Type: cty.String, Optional: true, Description: "How long to wait, as \"10m\", which is the default.", Validate: checkDuration},
		}},
	}
}

func checkDigest(v cty.Value) error {
	if !wellFormedDigest(v.AsString()) {
		return fmt.Errorf("it must be \"sha256:\" and 64 hexadecimal digits in lower case")
	}
	return nil
}

func checkDuration(v cty.Value) error {
	d, err := time.ParseDuration(v.AsString())
	if err == nil && d <= 0 {
		err = fmt.Errorf("it must be longer than nothing")
	}
	return err
}

// sourceFrom reads the attributes of sourceAttributes that the block has. It reports false when one of them is not
// known yet.
func sourceFrom(config cty.Value) (Source, bool) {
	known := true
	get := func(name string) string {
		if !config.Type().HasAttribute(name) {
			return ""
		}
		v, _ := config.GetAttr(name).Unmark()
		if !v.IsKnown() {
			known = false
			return ""
		}
		if v.IsNull() {
			return ""
		}
		return v.AsString()
	}
	src := Source{Path: get("path"), Repository: get("repository"), Name: get("chart"), Version: get("version"), Digest: get("digest"), Username: get("username"), Password: get("password")}
	return src, known
}

// optionsFrom reads the attributes of optionAttributes. What is not known yet counts as the careful choice.
func optionsFrom(config cty.Value) kube.SetOptions {
	return kube.SetOptions{
		OnExists: text(config, "on_exists"), OnDestroy: text(config, "on_destroy"), Conflicts: text(config, "conflicts"), Recreate: true,
		FieldConflicts: kube.FieldConflictsOf(config.GetAttr("field_conflicts")),
	}
}

// waitFrom reads the `wait` block.
func waitFrom(config cty.Value) *kube.WaitOptions {
	out := &kube.WaitOptions{Rollout: true}
	block := config.GetAttr("wait")
	if block.IsNull() || !block.IsKnown() {
		return out
	}
	if rollout := block.GetAttr("rollout"); rollout.IsKnown() && !rollout.IsNull() {
		out.Rollout = rollout.True()
	}
	if d, err := time.ParseDuration(text(block, "timeout")); err == nil {
		out.Timeout = d
	}
	return out
}

// text returns a string attribute, or "" when it is null or not known.
func text(v cty.Value, name string) string {
	if v.IsNull() || !v.IsKnown() || !v.Type().HasAttribute(name) {
		return ""
	}
	s, _ := v.GetAttr(name).Unmark()
	if !s.IsKnown() || s.IsNull() {
		return ""
	}
	return s.AsString()
}

// texts returns the known elements of a list of strings.
func texts(v cty.Value, name string) []string {
	list, _ := v.GetAttr(name).Unmark()
	if !list.IsKnown() || list.IsNull() {
		return nil
	}
	var out []string
	for _, e := range list.AsValueSlice() {
		if e.IsKnown() && !e.IsNull() {
			out = append(out, e.AsString())
		}
	}
	return out
}

// holdsOthers reports whether an object of a recorded chart takes others with it when it goes.
func holdsOthers(recorded cty.Value) bool {
	if recorded.IsNull() || !recorded.IsKnown() || !recorded.Type().IsObjectType() || !recorded.Type().HasAttribute("objects") {
		return false
	}
	objects := recorded.GetAttr("objects")
	if objects.IsNull() || !objects.IsKnown() || !objects.CanIterateElements() {
		return false
	}
	for key := range objects.Elements() {
		if kind, _, _ := strings.Cut(schema.Text(key), "/"); kind == "Namespace" || kind == "CustomResourceDefinition" {
			return true
		}
	}
	return false
}
