package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
	"time"
)

func someEdges() []Edge {
	return []Edge{
		{FromNamespace: "shop", From: "deployment/trip", ToNamespace: "shop", To: "deployment/payment", MTLS: true, Requests: 12},
		{From: "", ToNamespace: "shop", To: "deployment/payment", Reason: "no_tls_from_remote", Requests: 3},
		{FromNamespace: "shop", From: "deployment/payment", ToNamespace: "shop", To: "deployment/trip", MTLS: true, Requests: 1},
		{From: `x"]<script>|`, ToNamespace: "shop", To: "deployment/trip", MTLS: true, Requests: 1},
	}
}

func TestTable(t *testing.T) {
	var b strings.Builder
	if err := Table(&b, someEdges()); err != nil {
		t.Fatal(err)
	}
	want := "(without mTLS)           shop/deployment/payment  no    3         no_tls_from_remote\n"
	if !strings.Contains(b.String(), want) {
		t.Errorf("table lacks %q:\n%s", want, b.String())
	}
}

func TestMermaidAndSVGEscapeNamesAndAreWellFormed(t *testing.T) {
	var m, s, again bytes.Buffer
	for _, err := range []error{Mermaid(&m, someEdges()), SVG(&s, someEdges()), SVG(&again, someEdges())} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if strings.Contains(m.String(), "<script>") || strings.Contains(s.String(), "<script>") {
		t.Error("a name is not escaped")
	}
	if !strings.Contains(m.String(), `-.->|"plaintext 3"|`) || !strings.Contains(m.String(), `-->|"mTLS 12"|`) {
		t.Errorf("mermaid:\n%s", &m)
	}
	if !bytes.Equal(s.Bytes(), again.Bytes()) {
		t.Error("two drawings of the same map differ")
	}
	d := xml.NewDecoder(&s)
	for {
		_, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("the drawing is not XML: %v", err)
		}
	}
}

func TestLayersPutCallersLeftOfWhatTheyCallEvenInCircles(t *testing.T) {
	got := layers([]Edge{{From: "a", To: "b"}, {From: "b", To: "c"}, {From: "a", To: "c"}, {From: "c", To: "a"}})
	if len(got) != 3 || got[0][0] != "a" || got[1][0] != "b" || got[2][0] != "c" {
		t.Errorf("layers = %v", got)
	}
}

func TestComplianceFindsWhatIsNotProved(t *testing.T) {
	ratio, left := 0.9999, int64(12)
	c := Compliance{Time: time.Unix(0, 0), Namespaces: []Namespace{
		{Name: "shop", Ratio: &ratio, Requests: 100, Flows: []Flow{{Workload: "deployment/pay", Port: "80", TLS: "no_identity", Reason: "no_tls_from_remote", Allowed: 1}, {Workload: "deployment/pay", Port: "80", TLS: "true", Client: "a", Allowed: 99}},
			Ports: []Port{{Workload: "deployment/pay", Port: 80, Server: "pay", AccessPolicy: "deny", Meshed: true}, {Workload: "deployment/pay", Port: 81, AccessPolicy: "all-unauthenticated", Unauthenticated: true, Meshed: true}}},
		{Name: "quiet"},
	}, Certificates: []Certificate{{Name: "root|x", Kind: "trust-anchor", NotAfter: "2026", DaysLeft: &left, OK: false, Message: "it has expired"}}}
	var text []string
	for _, f := range c.Findings() {
		text = append(text, f.Severity+" "+f.Where+": "+f.Text)
	}
	want := []string{"fail shop/deployment/pay:80: took 1 requests without mTLS (no_tls_from_remote)", "fail shop/deployment/pay:81: admits clients without mTLS (default all-unauthenticated)",
		"fail trust-anchor root|x: it has expired", "open quiet: no traffic was seen, so nothing is proved"}
	if strings.Join(text, "\n") != strings.Join(want, "\n") {
		t.Errorf("findings:\n%s\nwant:\n%s", strings.Join(text, "\n"), strings.Join(want, "\n"))
	}
	var md, page bytes.Buffer
	if err := errors.Join(Markdown(&md, c), HTML(&page, c, someEdges())); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(md.String(), "99.99%") || !strings.Contains(md.String(), `root\|x`) || !strings.Contains(md.String(), "not compliant: 3 failure(s), 1 open") {
		t.Errorf("markdown:\n%s", &md)
	}
	if strings.Contains(page.String(), "<script>") || strings.Contains(page.String(), "http://") && strings.Contains(page.String(), "src=") || !strings.Contains(page.String(), "<svg") {
		t.Errorf("page:\n%s", &page)
	}
	if got := (Compliance{}).Findings(); got != nil {
		t.Errorf("findings of nothing: %v", got)
	}
}
