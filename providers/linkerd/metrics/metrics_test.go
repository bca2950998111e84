package metrics

import (
	"errors"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func pod(name string) Pod {
	return Pod{Namespace: "shop", Name: name + "-1", UID: name, Workload: "deployment/" + name, ServiceAccount: name}
}

func scraped(t *testing.T, p Pod, file string, at time.Duration) Scrape {
	t.Helper()
	f, err := os.Open("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	samples, err := Parse(f)
	if err != nil {
		t.Fatal(err)
	}
	return Scrape{Pod: p, At: start.Add(at), Samples: samples}
}

func payment(t *testing.T) Window {
	p := pod("paymentservice")
	return Between([]Scrape{scraped(t, p, "payment.before.txt", 0)}, []Scrape{scraped(t, p, "payment.after.txt", time.Minute)})
}

func TestFlowsCountOnlyTrafficBetweenWorkloads(t *testing.T) {
	w := payment(t)
	if w.Length != time.Minute {
		t.Errorf("Length = %s", w.Length)
	}
	server := Object{"policy.linkerd.io", "server", "payment-http"}
	route := Object{"", "default", "default"}
	want := []Flow{
		{Namespace: "shop", Workload: "deployment/paymentservice", Port: "8080", Server: server, Route: route, TLS: "true",
			Client: "userservice.shop.serviceaccount.identity.linkerd.cluster.local", Denied: 4},
		{Namespace: "shop", Workload: "deployment/paymentservice", Port: "8080", Server: server, Route: route,
			Authorization: Object{"", "default", "audit"}, TLS: "no_identity", Reason: "no_tls_from_remote", Allowed: 3},
		{Namespace: "shop", Workload: "deployment/paymentservice", Port: "8080", Server: server, Route: route,
			Authorization: Object{"policy.linkerd.io", "authorizationpolicy", "payment-clients"}, TLS: "true",
			Client: "tripservice.shop.serviceaccount.identity.linkerd.cluster.local", Allowed: 300},
	}
	got := w.Flows()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("Flows (-want +got):\n%s", d)
	}
	if s := MTLS(got); s != (Share{300, 303}) {
		t.Errorf("MTLS = %v", s)
	}
	if a, d := Verdicts(got); a != 303 || d != 4 {
		t.Errorf("Verdicts = %v, %v", a, d)
	}
}

func TestSuccessRateAndLatency(t *testing.T) {
	w := payment(t)
	if s := w.SuccessRate(nil); s != (Share{297, 300}) {
		t.Errorf("SuccessRate = %v", s)
	}
	// Growth by bucket: 100 up to 1 ms, 200 up to 10 ms, 300 up to 100 ms. The median is the 150th: half-way through
	// the second.
	if got, ok := w.Latency(0.5, nil); !ok || got != 5500*time.Microsecond {
		t.Errorf("Latency = %s, %t", got, ok)
	}
	none := func(Pod) bool { return false }
	if _, known := w.SuccessRate(none).Ratio(); known {
		t.Error("a success rate without responses must be unknown")
	}
	if _, ok := w.Latency(0.5, none); ok {
		t.Error("a latency without responses must be unknown")
	}
}

func TestNoDataIsUnknown(t *testing.T) {
	if _, known := MTLS(nil).Ratio(); known {
		t.Error("no traffic must not count as mTLS")
	}
	p := pod("paymentservice")
	same := scraped(t, p, "payment.before.txt", 0)
	later := same
	later.At = start.Add(time.Minute)
	if got := Between([]Scrape{same}, []Scrape{later}).Flows(); len(got) != 0 {
		t.Errorf("counters that did not grow gave %v", got)
	}
}

func TestUnmeasuredPodsAreNamed(t *testing.T) {
	answers := Scrape{Pod: pod("a"), At: start}
	fails := Scrape{Pod: pod("b"), At: start, Err: errors.New("refused")}
	gone := Scrape{Pod: pod("c"), At: start}
	young := Scrape{Pod: pod("d"), At: start.Add(time.Second)}
	later := answers
	later.At = start.Add(time.Second)
	w := Between([]Scrape{answers, fails, gone}, []Scrape{later, {Pod: fails.Pod, At: start.Add(time.Second)}, young})
	want := []Unmeasured{{pod("b"), "refused"}, {pod("c"), "the pod went away inside the window"}, {pod("d"), "the pod started inside the window"}}
	if d := cmp.Diff(want, w.Unmeasured); d != "" {
		t.Errorf("Unmeasured (-want +got):\n%s", d)
	}
	if len(w.Growth) != 1 || w.Growth[0].Pod.UID != "a" {
		t.Errorf("Growth = %v", w.Growth)
	}
}

func TestResetCountersStartAtZero(t *testing.T) {
	before := []Sample{{"request_total", map[string]string{"a": "1"}, 100}}
	after := []Sample{{"request_total", map[string]string{"a": "1"}, 5}, {"request_total", map[string]string{"a": "2"}, 7}}
	got := grow(before, after)
	if got[0].Value != 5 || got[1].Value != 7 {
		t.Errorf("grow = %v", got)
	}
}

func TestCertificatesUnderEveryName(t *testing.T) {
	w := SinceStart([]Scrape{scraped(t, pod("paymentservice"), "payment.before.txt", 0), scraped(t, pod("tripservice"), "trip.txt", 0)})
	want := []Certificate{{pod("paymentservice"), time.Unix(1800000000, 0).UTC()}, {pod("tripservice"), time.Unix(1700000000, 0).UTC()}}
	if d := cmp.Diff(want, w.Certificates()); d != "" {
		t.Errorf("Certificates (-want +got):\n%s", d)
	}
}

func TestEdges(t *testing.T) {
	w := SinceStart([]Scrape{scraped(t, pod("paymentservice"), "payment.after.txt", 0), scraped(t, pod("tripservice"), "trip.txt", 0)})
	measured := func(id string) bool { return strings.HasPrefix(id, "tripservice.") }
	want := []Edge{
		{From: "", ToNamespace: "shop", To: "deployment/paymentservice", Reason: "no_tls_from_remote", Requests: 10},
		{From: "userservice.shop.serviceaccount.identity.linkerd.cluster.local", ToNamespace: "shop", To: "deployment/paymentservice", Mutual: true, Requests: 4},
		{FromNamespace: "shop", From: "deployment/tripservice", ToNamespace: "data", To: "statefulset/postgres", Reason: "not_provided_by_service_discovery", Requests: 2},
		{FromNamespace: "shop", From: "deployment/tripservice", ToNamespace: "shop", To: "deployment/paymentservice", Mutual: true, Requests: 300},
	}
	if d := cmp.Diff(want, w.Edges(measured)); d != "" {
		t.Errorf("Edges (-want +got):\n%s", d)
	}
}

func TestQuantile(t *testing.T) {
	inf := math.Inf(1)
	for _, tc := range []struct {
		name   string
		q      float64
		counts map[float64]float64
		want   float64
		ok     bool
	}{
		{"empty", 0.5, nil, 0, false},
		{"no observations", 0.5, map[float64]float64{1: 0, inf: 0}, 0, false},
		{"all in the first", 0.5, map[float64]float64{10: 4, inf: 4}, 5, true},
		{"beyond the last bound", 0.99, map[float64]float64{10: 1, inf: 100}, 10, true},
		{"exactly a bound", 0.5, map[float64]float64{10: 2, 20: 4, inf: 4}, 10, true},
	} {
		if got, ok := quantile(tc.q, tc.counts); got != tc.want || ok != tc.ok {
			t.Errorf("%s: quantile = %v, %t, want %v, %t", tc.name, got, ok, tc.want, tc.ok)
		}
	}
}

func TestParseRefusesGarbage(t *testing.T) {
	if _, err := Parse(strings.NewReader("<html>")); err == nil {
		t.Error("HTML was taken for metrics")
	}
}
