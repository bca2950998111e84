package kube

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/meshplan/meshplan/internal/diag"
)

// Diagnose turns an error of any method into diagnostics; nil gives none. Verb and r say what was tried ("get",
// "list", "patch", "create", "delete"). Texts about Secrets name fields and never quote values, since the API
// server's own do.
func (c *Cluster) Diagnose(err error, verb string, r Ref) hcl.Diagnostics {
	if err == nil {
		return nil
	}
	d := c.diagnose(err, verb, r)
	var status apierrors.APIStatus
	var doubtful *doubtfulError
	if errors.As(err, &status) && !errors.As(err, &doubtful) {
		switch status.Status().Code {
		case http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusUnprocessableEntity:
			diag.Refused(d) // the server decided before it stored anything
		}
	}
	return hcl.Diagnostics{d}
}

func (c *Cluster) diagnose(err error, verb string, r Ref) *hcl.Diagnostic {
	var unreachable *UnreachableError
	var unknown *UnknownKindError
	switch {
	case errors.Is(err, context.Canceled):
		return diag.Errorf(CodeRequest, "Interrupted", "The request to %s %s was interrupted.", verb, r)
	case errors.As(err, &unreachable):
		return c.unreachable(unreachable)
	case errors.As(err, &unknown):
		return diag.Errorf(CodeUnknownKind, "Unknown kind", "%s: %s Check apiVersion and kind. If a CustomResourceDefinition brings the kind, apply it first or declare it in this configuration.",
			r, sentence(unknown.Error()))
	}
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		return diag.Errorf(CodeRequest, "Request failed", "To %s %s failed: %s", verb, r, sentence(diag.Scrub(err.Error())))
	}
	s := status.Status()
	switch {
	case s.Code == http.StatusUnauthorized:
		return diag.Errorf(CodeUnauthorized, "Credentials not accepted", "The API server of %s does not accept the credentials of the kubeconfig. Log in again; a token may have expired.", c.Name())
	case s.Code == http.StatusForbidden && !isWebhookRefusal(s.Message):
		return c.forbidden(s, verb, r)
	case isWebhookRefusal(s.Message) || isWebhookDown(err):
		return diag.Errorf(CodeWebhook, "Admission webhook", "To %s %s, the API server asked an admission webhook: %s", verb, r, c.words(s, r))
	case s.Code == http.StatusNotFound && s.Details != nil && s.Details.Kind == "namespaces":
		return diag.Errorf(CodeNoNamespace, "Namespace does not exist", "%s needs the namespace %s, which does not exist. Create it, or declare it as a kubernetes_namespace of this configuration.", r, r.Namespace)
	case s.Code == http.StatusRequestEntityTooLarge || strings.Contains(s.Message, "etcdserver: request is too large"):
		return diag.Errorf(CodeInvalid, "Object too large", "%s is larger than the API server takes (about 1.5 MiB, and 1 MiB of data in a ConfigMap or Secret). Split it.", r)
	case s.Code == http.StatusUnprocessableEntity || s.Code == http.StatusBadRequest || strings.Contains(s.Message, "failed to create typed patch object"):
		return diag.Errorf(CodeInvalid, "Object not valid", "The API server refuses %s: %s", r, c.words(s, r))
	}
	return diag.Errorf(CodeRequest, "Request failed", "To %s %s failed: %s", verb, r, c.words(s, r))
}

func (c *Cluster) unreachable(err *UnreachableError) *hcl.Diagnostic {
	if errors.Is(err, errNoServer) {
		return diag.Errorf(CodeUnreachable, "No Kubernetes cluster", "No kubeconfig names a cluster for %s; looked at %s. Set KUBECONFIG, pass --kubeconfig, or set `context` in the provider block.", c.Name(), c.kubeconfigs())
	}
	if missing := c.connection.Context; missing != "" && strings.Contains(err.Error(), "does not exist") && strings.Contains(err.Error(), "context") {
		return diag.Errorf(CodeUnreachable, "No such context", "The kubeconfig (%s) has no context %q. It has %s.", c.kubeconfigs(), missing, c.contexts())
	}
	host := ""
	if c.clients != nil {
		host = " at " + c.clients.config.Host
	}
	return diag.Errorf(CodeUnreachable, "Cluster unreachable", "The API server of %s%s does not answer: %s Check the kubeconfig, the network and whether the cluster runs.",
		c.Name(), host, sentence(diag.Scrub(err.Error())))
}

// kubeconfigs names the files in which contexts are looked for.
func (c *Cluster) kubeconfigs() string {
	if c.options.Kubeconfig != "" {
		return c.options.Kubeconfig
	}
	return strings.Join(clientcmd.NewDefaultClientConfigLoadingRules().GetLoadingPrecedence(), ", ")
}

// contexts lists what there is to choose from.
func (c *Cluster) contexts() string {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = c.options.Kubeconfig
	config, err := rules.Load()
	if err != nil || len(config.Contexts) == 0 {
		return "none"
	}
	return strings.Join(slices.Sorted(maps.Keys(config.Contexts)), ", ")
}

// forbidden names what RBAC must allow, and how.
func (c *Cluster) forbidden(s metav1.Status, verb string, r Ref) *hcl.Diagnostic {
	resource := strings.ToLower(r.Kind)
	c.discovery.mu.Lock()
	if m, ok := c.discovery.find(schema.GroupVersionKind{Group: r.Group, Kind: r.Kind}); ok {
		resource = m.Resource.Resource
	}
	c.discovery.mu.Unlock()
	if resource == "namespace" && r.Group == "" {
		resource = "namespaces" // known without discovery
	}
	// The caller names all the verbs that it needs, but of several requests it may not know which one was refused.
	if m := refusal.FindStringSubmatch(s.Message); m != nil && m[2] != resource {
		return c.notAllowed(m[1], m[2], Ref{Group: m[3], Namespace: m[4]})
	}
	if strings.Contains(s.Message, "quota") || strings.Contains(s.Message, "is forbidden: violates") || strings.Contains(s.Message, "because it is being terminated") {
		return diag.Errorf(CodeForbidden, "Not allowed", "The API server does not admit %s: %s", r, c.words(s, r)) // an admission plugin, not RBAC
	}
	return c.notAllowed(verb, resource, r)
}

// refusal is how RBAC says no.
var refusal = regexp.MustCompile(`cannot (\S+) resource "([^"]+)" in API group "([^"]*)"(?: in the namespace "([^"]+)")?`)

// notAllowed says what RBAC must grant, and how. The name of the object is left out when it is not known.
func (c *Cluster) notAllowed(verb, resource string, r Ref) *hcl.Diagnostic {
	qualified, scope, kind, flag := resource, "in the whole cluster", "clusterrole", ""
	if r.Group != "" {
		qualified += "." + r.Group
	}
	if r.Namespace != "" {
		scope, kind, flag = "in namespace "+r.Namespace, "role", " --namespace "+r.Namespace
	}
	detail := fmt.Sprintf("The credentials of %s may not %s %s %s", c.Name(), verb, qualified, scope)
	if r.Name != "" {
		detail += fmt.Sprintf(" (%s)", r)
	}
	detail += fmt.Sprintf(". `meshplan rbac --for=plan`, `--for=drift` and `--for=apply` print all that this configuration needs; for this alone, `kubectl create %s meshplan --verb=%s --resource=%s%s` and a binding.", kind, verb, qualified, flag)
	return diag.Errorf(CodeForbidden, "Not allowed", "%s", detail)
}

// isWebhookRefusal reports whether an admission webhook or policy said no.
func isWebhookRefusal(text string) bool {
	return strings.Contains(text, "admission webhook") && strings.Contains(text, "denied the request") || strings.Contains(text, "ValidatingAdmissionPolicy")
}

// words returns what the server said, without values when the object may hold secrets.
func (c *Cluster) words(s metav1.Status, r Ref) string {
	var lines []string
	if s.Details != nil {
		for _, cause := range s.Details.Causes {
			if isSecret(r) {
				lines = append(lines, fmt.Sprintf("%s: %s", cause.Field, cause.Type))
			} else {
				lines = append(lines, strings.TrimPrefix(cause.Field+": ", ": ")+cause.Message)
			}
		}
	}
	switch {
	case len(lines) > 0:
		slices.Sort(lines)
		return sentence(diag.Scrub(strings.Join(slices.Compact(lines), "; ")))
	case isSecret(r):
		return fmt.Sprintf("%s (its words are withheld, since they may quote the Secret).", s.Reason)
	}
	return sentence(diag.Scrub(s.Message))
}

// isSecret reports whether the values of the object are secret.
func isSecret(r Ref) bool { return r.Group == "" && r.Kind == "Secret" }

// sentence makes text from elsewhere end like a sentence.
func sentence(s string) string {
	s = strings.TrimSpace(s)
	if s == "" || strings.HasSuffix(s, ".") {
		return s
	}
	return s + "."
}
