package certs

import (
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// TestRefusal: the last word of the identity controller counts, until it takes an issuer or every pod of it is newer.
func TestRefusal(t *testing.T) {
	noon := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	pod := func(made time.Time) *unstructured.Unstructured {
		u := &unstructured.Unstructured{Object: map[string]any{}}
		u.SetCreationTimestamp(metav1.NewTime(made))
		return u
	}
	old := []*unstructured.Unstructured{pod(noon.Add(-time.Hour))}
	for name, tc := range map[string]struct {
		said []remark
		pods []*unstructured.Unstructured
		want string // "" means that nothing is refused
	}{
		"silence":             {nil, old, ""},
		"an update":           {[]remark{{reason: eventUpdated, first: noon, last: noon}}, old, ""},
		"a refusal":           {[]remark{{reason: eventSkipped, message: "no", first: noon, last: noon.Add(time.Minute)}}, old, "since 2026-05-01T12:00:00Z (IssuerUpdateSkipped: no). It signs with the former one"},
		"mended since":        {[]remark{{reason: eventSkipped, first: noon, last: noon}, {reason: eventUpdated, first: noon, last: noon.Add(time.Second)}}, old, ""},
		"in the same second":  {[]remark{{reason: eventUpdated, first: noon, last: noon, revision: 1000}, {reason: eventSkipped, first: noon, last: noon, revision: 999}}, old, ""},
		"refused since":       {[]remark{{reason: eventUpdated, first: noon.Add(-time.Minute), last: noon.Add(-time.Second)}, {reason: eventSkipped, first: noon, last: noon}}, old, "IssuerUpdateSkipped"},
		"restarted since":     {[]remark{{reason: eventSkipped, first: noon, last: noon}}, []*unstructured.Unstructured{pod(noon.Add(time.Minute))}, ""},
		"one of two is older": {[]remark{{reason: eventSkipped, first: noon, last: noon}}, append(old, pod(noon.Add(time.Minute))), "IssuerUpdateSkipped"},
		"nothing is signed":   {[]remark{{reason: eventInvalid, message: "expired", first: noon, last: noon}}, old, "signs nothing since 2026-05-01T12:00:00Z (IssuerValidationFailed: expired). New pods get no certificate, and those of running proxies end by 2026-05-01T18:00:00Z"},
	} {
		got := refusal(tc.said, tc.pods, 6*time.Hour)
		if (len(got) > 0) != (tc.want != "") || len(got) > 0 && (!strings.Contains(got[0].Detail, tc.want) || got[0].Warning) {
			t.Errorf("%s: %+v, want %q", name, got, tc.want)
		}
	}
}
