package draft

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/diag"
)

// Charts says where a draft takes Linkerd's charts from when it installs a control plane.
type Charts struct {
	// Dir is a directory below the configuration that holds linkerd-crds and linkerd-control-plane; empty for the repository.
	Dir string
	// Context is the context of the kubeconfig; empty for the current one.
	Context string
}

// The charts of Linkerd's edge releases, and the release that drafts begin with.
const (
	repository   = "https://helm.linkerd.io/edge"
	chartVersion = "2026.8.3"
)

// Write returns the files of a rollout by name. They still want to be formatted.
func Write(f Facts, c Charts) map[string][]byte {
	files := map[string][]byte{
		"settings.mesh.hcl":  settings(f, c),
		"mesh.mesh.hcl":      controlPlane(f, c),
		"injection.mesh.hcl": injection(f),
		"policy.mesh.hcl":    policy(f),
		"verify.mesh.hcl":    verify(f),
	}
	return files
}

// text builds a file.
type text struct{ strings.Builder }

func (t *text) line(format string, args ...any) { fmt.Fprintf(t, format+"\n", args...) }

// remark writes a comment, wrapped, with what comes from the cluster made harmless.
func (t *text) remark(indent, s string) {
	for _, l := range diag.Wrap(diag.Scrub(strings.ReplaceAll(s, "\n", " ")), 116-len(indent)) {
		t.line("%s# %s", indent, l)
	}
}

// commented writes lines as comments.
func (t *text) commented(block string) {
	for l := range strings.Lines(strings.TrimRight(block, "\n")) {
		t.line("%s", strings.TrimRight("# "+strings.TrimRight(l, "\n"), " "))
	}
}

// quote writes a string as HCL does, so that nothing in it is an expression.
func quote(s string) string {
	return string(hclwrite.TokensForValue(cty.StringVal(s)).Bytes())
}

func quotes(list []string) string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = quote(s)
	}
	return "[" + strings.Join(out, ", ") + "]"
}

func settings(f Facts, c Charts) []byte {
	t := &text{}
	t.remark("", fmt.Sprintf("A rollout for the namespace %q, drafted from what runs there. Read it, correct what it could not know, then run \"meshplan plan\".", f.Namespace))
	for _, r := range f.Remarks {
		t.line("#")
		t.remark("", r)
	}
	t.line("\nmeshplan {\n  on_failure = \"stop\" # or \"rollback\"\n}\n")
	context := "null"
	if c.Context != "" {
		context = quote(c.Context)
	}
	t.line("provider \"kubernetes\" {\n  context = var.context\n}\n")
	t.line("provider \"linkerd\" {\n  context = var.context\n  namespace = %s\n  trust_domain = %s\n}\n", quote(f.Mesh.Namespace), quote(f.Mesh.TrustDomain))
	t.line("variable \"context\" {\n  type = string\n  nullable = true\n  default = %s\n  description = \"Context of the kubeconfig; null takes the current one.\"\n}\n", context)
	t.line(`variable "enforcement" {
  type = string
  default = "audit"
  description = "How far to go: audit only counts what would be refused, all-authenticated requires mTLS, deny requires a permission."

  validation {
    condition = contains(["audit", "all-authenticated", "deny"], var.enforcement)
    error_message = "Use audit, all-authenticated or deny."
  }
}

variable "min_requests" {
  type = number
  default = 20
  description = "How many requests a proof about traffic must have seen."
}`)
	return []byte(t.String())
}

func controlPlane(f Facts, c Charts) []byte {
	t := &text{}
	if !f.Mesh.Installed {
		t.remark("", "The control plane. Both private keys are made during apply and never leave the cluster.")
		t.line("")
		t.WriteString(install(f, c))
		return []byte(t.String())
	}
	owner := f.Mesh.Tool
	if owner == "" {
		owner = "somebody"
	}
	t.remark("", fmt.Sprintf("Linkerd %s runs in namespace %q, installed by %s. This rollout leaves it alone and only looks at it.", f.Mesh.Version, f.Mesh.Namespace, owner))
	t.line("\ndata \"linkerd_certificates\" \"mesh\" {}\n")
	t.remark("", "To take it over, remove the comment signs, name the version of the charts that is installed, and look at the plan with care: it should adopt and not change. Then take its former owner out of the way.")
	t.line("#")
	t.commented(string(hclwrite.Format([]byte(install(f, c)))))
	return []byte(t.String())
}

// install are the blocks of a control plane: a new one, or one that is there and taken over with the certificates that it has.
func install(f Facts, c Charts) string {
	t := &text{}
	exists := ""
	if f.Mesh.Installed {
		exists = "  on_exists = \"adopt\"\n"
	}
	source := func(chart string) string {
		if c.Dir != "" {
			return fmt.Sprintf("  path = %s\n", quote(c.Dir+"/"+chart))
		}
		return "  repository = var.chart_repository\n  version = var.chart_version\n"
	}
	namespace := quote(f.Mesh.Namespace)
	t.line("resource \"kubernetes_namespace\" \"linkerd\" {\n  name = %s\n%s\n  labels = {", namespace, exists)
	t.line("    \"linkerd.io/is-control-plane\" = \"true\"\n    \"config.linkerd.io/admission-webhooks\" = \"disabled\"\n    \"linkerd.io/control-plane-ns\" = %s\n  }", namespace)
	t.line("  annotations = {\n    \"linkerd.io/inject\" = \"disabled\"\n  }\n}\n")
	if f.Mesh.Installed {
		t.line("data \"kubernetes_object\" \"trust_roots\" {\n  api_version = \"v1\"\n  kind = \"ConfigMap\"\n  namespace = %s\n  name = \"linkerd-identity-trust-roots\"\n}\n", namespace)
		t.line("resource \"linkerd_trust_anchor\" \"root\" {\n  mode = \"pem\"\n  pem = data.kubernetes_object.trust_roots.object.data[\"ca-bundle.crt\"]\n}\n")
		scheme := ""
		if f.Mesh.Scheme == "linkerd.io/tls" {
			scheme = "  scheme = \"linkerd.io/tls\"\n"
		}
		t.line("resource \"linkerd_identity_issuer\" \"mesh\" {\n  mode = \"secret\"\n%s  namespace = kubernetes_namespace.linkerd.name\n  trust_anchor = linkerd_trust_anchor.root\n}\n", scheme)
	} else {
		t.line("resource \"linkerd_trust_anchor\" \"root\" {\n  namespace = kubernetes_namespace.linkerd.name\n  validity = \"3650d\"\n  renew_before = \"180d\"\n}\n")
		t.line("resource \"linkerd_identity_issuer\" \"mesh\" {\n  namespace = kubernetes_namespace.linkerd.name\n  trust_anchor = linkerd_trust_anchor.root\n  validity = \"365d\"\n  renew_before = \"60d\"\n}\n")
	}
	t.line("resource \"linkerd_crds\" \"linkerd\" {\n%s  namespace = kubernetes_namespace.linkerd.name\n%s}\n", source("linkerd-crds"), exists)
	t.line("resource \"linkerd_control_plane\" \"linkerd\" {\n%s  namespace = kubernetes_namespace.linkerd.name\n%s\n  trust_anchors_pem = linkerd_trust_anchor.root.bundle_pem\n  issuer = linkerd_identity_issuer.mesh",
		source("linkerd-control-plane"), exists)
	if f.Mesh.Scheme == "linkerd.io/tls" {
		t.line("  issuer_certificate_pem = linkerd_identity_issuer.mesh.certificate_pem")
	}
	if !f.Mesh.Installed {
		t.line("\n  # Everybody may talk to everybody until the policies say otherwise.\n  default_inbound_policy = \"all-unauthenticated\"")
	}
	t.line("\n  depends_on = [linkerd_crds.linkerd]\n}\n")
	if c.Dir == "" {
		t.line("variable \"chart_repository\" {\n  type = string\n  default = %s\n  description = \"Repository of Linkerd's charts.\"\n}\n", quote(repository))
		t.line("variable \"chart_version\" {\n  type = string\n  default = %s\n  description = \"Version of Linkerd's charts.\"\n}", quote(chartVersion))
	}
	return t.String()
}

func injection(f Facts) []byte {
	t := &text{}
	t.remark("", "Proxies, in waves: servers before their clients, at most two restarts at a time, every wave proved before the next one.")
	for _, l := range f.Left {
		t.line("#")
		t.remark("", "Stays out: "+l.Object+": "+l.Text+".")
	}
	if f.Refused != "" {
		t.line("#")
		t.remark("", "Switched off: "+f.Refused+" Then remove `enabled`.")
	}
	if len(f.Workloads) == 0 {
		t.line("#")
		t.remark("", "Nothing runs in the namespace that could be meshed, so there is no injection here yet.")
		return []byte(t.String())
	}
	t.line("\nresource \"linkerd_injection\" %s {", label(f.Namespace))
	if f.Refused != "" {
		t.line("  enabled = false")
	}
	t.line("  namespace = %s", quote(f.Namespace))
	if !f.Whole {
		var names []string
		for _, w := range f.Workloads {
			names = append(names, w.Name)
		}
		t.line("  workloads = %s", quotes(names))
	}
	if slices.ContainsFunc(f.Workloads, func(w Workload) bool { return len(w.Calls) > 0 }) {
		t.line("\n  depends_on_workloads = {")
		for _, w := range f.Workloads {
			if len(w.Calls) > 0 {
				t.line("    %s = %s", quote(w.Name), quotes(w.Calls))
			}
		}
		t.line("  }")
	}
	t.line("  max_parallel = 2")
	if !f.Mesh.Installed {
		t.line("  proxy_version = linkerd_control_plane.linkerd.app_version")
	}
	t.line("\n  gate {\n    timeout = \"10m\"\n  }\n}")
	return []byte(t.String())
}

// label is the name of a block, quoted: letters, digits and hyphens, beginning with a letter.
func label(s string) string {
	s = strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' || r == '_' {
			return r
		}
		return '_'
	}, strings.ToLower(s))
	if s == "" || s[0] < 'a' || s[0] > 'z' {
		s = "ns-" + s
	}
	return quote(s)
}

func verify(f Facts) []byte {
	t := &text{}
	t.remark("", "Proofs. A gate blocks what depends on it until the statement holds; \"no data\" never passes.")
	last := ""
	if len(f.Workloads) > 0 && f.Refused == "" {
		name := strings.Trim(label(f.Namespace), `"`)
		t.line("\nresource \"linkerd_gate\" \"meshed\" {\n  expect = \"meshed\"\n  namespace = linkerd_injection.%s.namespace", name)
		workloads := ""
		if !f.Whole {
			workloads = "  workloads = linkerd_injection." + name + ".workloads\n"
		}
		t.line("%s  triggers = { meshed = linkerd_injection.%s.meshed }\n}\n", workloads, name)
		t.remark("", "Beyond audit, traffic must be encrypted before it is required to be.")
		t.line("resource \"linkerd_gate\" \"encrypted\" {\n  enabled = var.enforcement != \"audit\"\n\n  expect = \"mtls\"\n  namespace = %s\n%s  window = \"1m\"\n  min_requests = var.min_requests\n  triggers = { meshed = linkerd_gate.meshed.result }\n}\n", quote(f.Namespace), workloads)
		t.line("output \"meshed\" {\n  description = \"Workloads with a proved proxy in every pod\"\n  value = linkerd_gate.meshed.result\n}")
		last = "\n  depends_on = [linkerd_gate.meshed]\n" // or proxies that still start would be found wanting
	}
	if f.Mesh.Installed {
		t.line("\ndata \"linkerd_check\" \"control_plane\" {%s}", last)
		t.line("\noutput \"healthy\" {\n  description = \"Whether every check of the control plane passes\"\n  value = data.linkerd_check.control_plane.passed\n}")
	}
	return []byte(t.String())
}
