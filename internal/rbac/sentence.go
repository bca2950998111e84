package rbac

import (
	"fmt"
	"strings"
)

// Sentence says what a rule allows, as it goes on after "the right to": `create and patch deployments.apps "web" in namespace
// shop`. The namespace is that of its role, "" for the whole cluster.
func (r Rule) Sentence(namespace string) string {
	verbs := join(r.Verbs)
	if len(r.URLs) > 0 {
		return verbs + " " + join(r.URLs)
	}
	var kinds []string
	for _, resource := range r.Resources {
		for _, group := range r.Groups {
			kind, sub, isSub := strings.Cut(resource, "/")
			if group != "" {
				kind += "." + group
			}
			if isSub {
				kind += "/" + sub
			}
			kinds = append(kinds, kind)
		}
	}
	text := verbs + " " + join(kinds)
	if len(r.Names) > 0 {
		names := r.Names
		rest := ""
		if more := len(names) - mostNeeds; more > 0 {
			names, rest = names[:mostNeeds], fmt.Sprintf(" and %d more", more)
		}
		text += fmt.Sprintf(" %q", names[0])
		for _, n := range names[1:] {
			text += fmt.Sprintf(", %q", n)
		}
		text += rest
	}
	if namespace != "" {
		text += " in namespace " + namespace
	}
	return text
}

// join writes a list as people do.
func join(list []string) string {
	if n := len(list); n > 1 {
		return strings.Join(list[:n-1], ", ") + " and " + list[n-1]
	}
	return strings.Join(list, "")
}
