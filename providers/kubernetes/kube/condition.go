package kube

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// condition is one entry of status.conditions.
type condition struct {
	Type, Status, Reason, Message string
	observed                      int64 // 0 when it does not say
}

func conditionsOf(u *unstructured.Unstructured) []condition {
	list, _, _ := unstructured.NestedSlice(u.Object, "status", "conditions")
	out := make([]condition, 0, len(list))
	for _, e := range list {
		m, ok := e.(map[string]any)
		if !ok {
			continue
		}
		c := condition{}
		c.Type, _ = m["type"].(string)
		c.Status, _ = m["status"].(string)
		c.Reason, _ = m["reason"].(string)
		c.Message, _ = m["message"].(string)
		c.observed, _ = m["observedGeneration"].(int64)
		out = append(out, c)
	}
	return out
}

func findCondition(u *unstructured.Unstructured, kind string) (condition, bool) {
	for _, c := range conditionsOf(u) {
		if c.Type == kind {
			return c, true
		}
	}
	return condition{}, false
}

func messageOf(u *unstructured.Unstructured, kind string) string {
	c, _ := findCondition(u, kind)
	return strings.TrimSpace(c.Reason + " " + c.Message)
}

// conditionHolds reports whether a condition holds for the present generation.
func conditionHolds(u *unstructured.Unstructured, want WaitCondition) readiness {
	if want.Status == "" {
		want.Status = "True"
	}
	c, ok := findCondition(u, want.Type)
	switch {
	case !ok:
		return readiness{message: fmt.Sprintf("condition %s is not there yet", want.Type)}
	case c.observed != 0 && c.observed < u.GetGeneration(), c.observed == 0 && observedStale(u):
		return readiness{message: fmt.Sprintf("condition %s is about a former generation", want.Type)}
	case c.Status != want.Status:
		return readiness{message: strings.TrimSpace(fmt.Sprintf("condition %s is %s %s %s", want.Type, c.Status, c.Reason, c.Message))}
	}
	return readiness{ready: true, message: fmt.Sprintf("condition %s is %s", want.Type, c.Status)}
}

// fieldHolds reports whether a field has its value.
func fieldHolds(u *unstructured.Unstructured, want WaitField) readiness {
	path, err := ParsePath(want.Path)
	if err != nil {
		return readiness{failed: true, message: err.Error()}
	}
	v, ok := at(u.Object, path)
	text := fmt.Sprint(v)
	switch {
	case !ok || v == nil:
		return readiness{message: want.Path + " is not there yet"}
	case want.Value == "" && (text == "" || text == "[]" || text == "map[]"):
		return readiness{message: want.Path + " is empty"}
	case want.Value != "" && text != want.Value:
		if isSecret(RefOf(u)) {
			text = "another value"
		}
		return readiness{message: fmt.Sprintf("%s is %s, not %s", want.Path, text, want.Value)}
	}
	return readiness{ready: true, message: want.Path + " is as wanted"}
}
