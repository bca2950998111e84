package rbac

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
)

// Options say how roles are written. Name is required.
type Options struct {
	// Name of all roles and bindings.
	Name string
	// Purpose is what the roles are for, as the flag says it.
	Purpose string
	// Account, if not zero, gets the roles by bindings.
	Account Account
}

// Account is a service account.
type Account struct{ Namespace, Name string }

// YAML writes the roles as manifests, with a comment above each rule.
func YAML(w io.Writer, sets []Set, o Options) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# Rights for `%s`, printed by `meshplan rbac --for=%s`: no more than this configuration needs.\n# Print them again when it changes. Whoever applies them needs these rights, or the verbs escalate and bind.\n", o.Purpose, o.Purpose)
	for _, s := range sets {
		fmt.Fprintf(&b, "#\n# For %s (%s).\n", s.Place, strings.Join(s.Providers, ", "))
		if len(s.Made) > 0 {
			fmt.Fprintf(&b, "# The configuration makes %s itself. A Role cannot exist before its namespace, so the rights in there are in the ClusterRole.\n", namespaces(s.Made))
		}
		for _, role := range s.Roles {
			writeRole(&b, role, o)
		}
	}
	_, err := w.Write(b.Bytes())
	return err
}

func namespaces(names []string) string {
	if len(names) == 1 {
		return "the namespace " + names[0]
	}
	return "the namespaces " + strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}

const group = "rbac.authorization.k8s.io"

func writeRole(b *bytes.Buffer, r Role, o Options) {
	kind := "ClusterRole"
	if r.Namespace != "" {
		kind = "Role"
	}
	fmt.Fprintf(b, "---\napiVersion: %s/v1\nkind: %s\nmetadata:\n%srules:\n", group, kind, metadata(r, o))
	for _, rule := range r.Rules {
		writeRule(b, rule)
	}
	if o.Account == (Account{}) {
		return
	}
	fmt.Fprintf(b, "---\napiVersion: %s/v1\nkind: %sBinding\nmetadata:\n%sroleRef:\n  apiGroup: %s\n  kind: %s\n  name: %s\nsubjects:\n  - kind: ServiceAccount\n    namespace: %s\n    name: %s\n",
		group, kind, metadata(r, o), group, kind, word(o.Name), word(o.Account.Namespace), word(o.Account.Name))
}

func metadata(r Role, o Options) string {
	text := fmt.Sprintf("  name: %s\n", word(o.Name))
	if r.Namespace != "" {
		text += fmt.Sprintf("  namespace: %s\n", word(r.Namespace))
	}
	return text
}

// lineWidth is where lists go on in a new line.
const lineWidth = 118

// mostNeeds is how many comments stand above a rule.
const mostNeeds = 4

func writeRule(b *bytes.Buffer, r Rule) {
	for i, need := range r.Needs {
		if i == mostNeeds-1 && len(r.Needs) > mostNeeds {
			fmt.Fprintf(b, "  # and %d more\n", len(r.Needs)-i)
			break
		}
		fmt.Fprintf(b, "  # %s\n", need)
	}
	if r.Rare {
		b.WriteString("  # (only in trouble, or where it is switched on)\n")
	}
	prefix := "  - "
	for _, f := range []struct {
		key    string
		values []string
	}{{"nonResourceURLs", r.URLs}, {"apiGroups", r.Groups}, {"resources", r.Resources}, {"resourceNames", r.Names}, {"verbs", r.Verbs}} {
		if len(f.values) == 0 {
			continue
		}
		fmt.Fprintf(b, "%s%s: [", prefix, f.key)
		width := len(prefix) + len(f.key) + 3
		for i, v := range f.values {
			v = word(v)
			switch {
			case i > 0 && width+len(v) > lineWidth:
				b.WriteString(",\n      ")
				width = 6
			case i > 0:
				b.WriteString(", ")
				width += 2
			}
			b.WriteString(v)
			width += len(v)
		}
		b.WriteString("]\n")
		prefix = "    "
	}
}

var plain = regexp.MustCompile(`^[a-z][a-z0-9./-]*$`)

// word writes a YAML scalar that is a text, whatever it looks like.
func word(s string) string {
	switch s {
	case "true", "false", "yes", "no", "on", "off", "null", "y", "n":
		return strconv.Quote(s)
	}
	if plain.MatchString(s) {
		return s
	}
	return strconv.Quote(s)
}

type object map[string]any

// JSON writes the roles as a List of Kubernetes. An annotation names the place where there are several.
func JSON(w io.Writer, sets []Set, o Options) error {
	items := []object{}
	for _, s := range sets {
		for _, r := range s.Roles {
			kind := "ClusterRole"
			meta := object{"name": o.Name}
			if r.Namespace != "" {
				kind, meta["namespace"] = "Role", r.Namespace
			}
			if len(sets) > 1 {
				meta["annotations"] = object{"meshplan.dev/place": s.Place}
			}
			var rules []object
			for _, rule := range r.Rules {
				out := object{"verbs": rule.Verbs}
				for key, values := range map[string][]string{"nonResourceURLs": rule.URLs, "apiGroups": rule.Groups, "resources": rule.Resources, "resourceNames": rule.Names} {
					if len(values) > 0 {
						out[key] = values
					}
				}
				rules = append(rules, out)
			}
			items = append(items, object{"apiVersion": group + "/v1", "kind": kind, "metadata": meta, "rules": rules})
			if o.Account != (Account{}) {
				items = append(items, object{"apiVersion": group + "/v1", "kind": kind + "Binding", "metadata": meta,
					"roleRef":  object{"apiGroup": group, "kind": kind, "name": o.Name},
					"subjects": []object{{"kind": "ServiceAccount", "namespace": o.Account.Namespace, "name": o.Account.Name}}})
			}
		}
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(object{"apiVersion": "v1", "kind": "List", "items": items})
}
