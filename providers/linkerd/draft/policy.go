package draft

import (
	"fmt"
	"slices"
	"strings"
)

// policy writes who may call whom.
func policy(f Facts) []byte {
	t := &text{}
	t.remark("", "Who may call whom. The permissions exist before anything is refused. With var.enforcement = \"audit\" nothing is refused: the proxies count what would be. Raise it when every caller is in the table.")
	if len(f.Existing) > 0 {
		t.line("#")
		t.remark("", "There are policy objects in the namespace already: "+strings.Join(f.Existing, ", ")+". They count as well. Write them as blocks and import them, or remove them.")
	}
	ports := declared(f)
	for _, w := range f.Workloads {
		for _, p := range w.Ports {
			if !p.Declared {
				t.line("#")
				t.remark("", fmt.Sprintf("A Service leads to port %d of %s, which no container declares: no policy covers it until the container does.", p.Number, w.Name))
			}
		}
	}
	switch {
	case f.Refused != "":
		t.line("#")
		t.remark("", "Nothing is protected before the workloads can be meshed. Draft the policy again then.")
		return []byte(t.String())
	case len(ports) == 0:
		t.line("#")
		t.remark("", "No workload that can be meshed declares a port, so there is nothing to protect yet.")
		return []byte(t.String())
	}
	t.line("\nlocals {")
	t.remark("  ", "The ports, and the service accounts of those that call them. What is only hinted at is a comment.")
	t.line("  callers = {")
	for _, p := range ports {
		t.port(p)
	}
	t.line("  }\n}\n")
	t.line(`resource "linkerd_mesh_tls_authentication" "callers" {
  for_each = local.callers

  namespace = %[1]s
  name = "${each.key}-callers"
  service_accounts = each.value
}

# The Servers that linkerd_inbound_policy makes are named after workload and port, so that they can be opened before they exist.
resource "linkerd_authorization_policy" "callers" {
  for_each = local.callers

  namespace = %[1]s
  name = "${each.key}-callers"
  target = { kind = "Server", name = each.key }
  required_authentications = [linkerd_mesh_tls_authentication.callers[each.key]]
}
`, quote(f.Namespace))
	workloads := ""
	if !f.Whole {
		workloads = "  workloads = linkerd_injection." + strings.Trim(label(f.Namespace), `"`) + ".workloads\n"
	}
	t.line(`resource "linkerd_inbound_policy" %s {
  namespace = %s
  mode = var.enforcement
%s
  gate {
    window = "2m"
    min_requests = var.min_requests
  }

  depends_on = [linkerd_gate.meshed, linkerd_gate.encrypted, linkerd_authorization_policy.callers]
}`, label(f.Namespace), quote(f.Namespace), workloads)
	return []byte(t.String())
}

// entry is a port with its workload.
type entry struct {
	Workload
	Port
}

// declared are the ports that an inbound policy covers.
func declared(f Facts) (out []entry) {
	for _, w := range f.Workloads {
		for _, p := range w.Ports {
			if p.Declared {
				out = append(out, entry{w, p})
			}
		}
	}
	return out
}

// port writes one line of the table, with what must be said about it.
func (t *text) port(p entry) {
	key := strings.ReplaceAll(p.Workload.Name, "/", "-") + fmt.Sprint("-", p.Number)
	for _, r := range p.Workload.Remarks {
		t.remark("    ", r)
	}
	for _, probe := range p.Probes {
		t.remark("    ", fmt.Sprintf("The %s is refused beyond audit: use an httpGet probe, which Linkerd admits by itself, or let the kubelets in with a linkerd_network_authentication.", probe))
	}
	if p.Outside != "" {
		t.remark("    ", p.Outside+": clients without a proxy are refused beyond audit. Mesh the ingress controller and add its account, or let its addresses in with a linkerd_network_authentication.")
	}
	var accounts, evidence []string
	for _, c := range p.Callers {
		if !slices.Contains(accounts, c.Account) {
			accounts = append(accounts, c.Account)
		}
		evidence = append(evidence, c.Workload+" ("+c.Evidence+")")
	}
	if len(evidence) > 0 {
		t.remark("    ", "Called by "+strings.Join(evidence, ", ")+".")
	}
	for _, c := range p.Likely {
		t.remark("    ", fmt.Sprintf("Perhaps called by %s, which names it without a port in %s: add %q if so.", c.Workload, c.Evidence, c.Account))
	}
	if len(accounts) == 0 {
		t.remark("    ", "No caller is certain. Add the accounts before you go beyond audit:")
		t.line("    # %s = [\"NAMESPACE/ACCOUNT\"]", quote(key))
		return
	}
	t.line("    %s = %s", quote(key), quotes(accounts))
}
