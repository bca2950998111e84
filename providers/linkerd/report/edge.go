package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/meshplan/meshplan/internal/diag"
)

// Edge is one caller of one workload.
type Edge struct {
	// FromNamespace and From name the caller; From is an identity when its own proxy was not read, and "" for one
	// without mTLS that nothing tells apart.
	FromNamespace string  `json:"from_namespace,omitempty"`
	From          string  `json:"from,omitempty"`
	ToNamespace   string  `json:"to_namespace,omitempty"`
	To            string  `json:"to"`
	MTLS          bool    `json:"mtls"`
	Reason        string  `json:"reason,omitempty"` // why there was no mTLS
	Requests      float64 `json:"requests"`         // or connections
}

// Caller names the caller for people.
func (e Edge) Caller() string {
	if e.From == "" {
		return "(without mTLS)"
	}
	return qualified(e.FromNamespace, e.From)
}

// Callee names the called workload for people.
func (e Edge) Callee() string { return qualified(e.ToNamespace, e.To) }

func qualified(namespace, name string) string {
	if namespace == "" {
		return diag.Scrub(name)
	}
	return diag.Scrub(namespace + "/" + name)
}

func (e Edge) label() string {
	word := "mTLS"
	if !e.MTLS {
		word = "plaintext"
	}
	return fmt.Sprintf("%s %.0f", word, e.Requests)
}

// sorted is a copy in the order of callers and called.
func sorted(edges []Edge) []Edge {
	return slices.SortedStableFunc(slices.Values(edges), func(a, b Edge) int {
		return cmp.Or(cmp.Compare(a.Caller(), b.Caller()), cmp.Compare(a.Callee(), b.Callee()), cmp.Compare(a.label(), b.label()))
	})
}

// Table writes the map as aligned text.
func Table(w io.Writer, edges []Edge) error {
	if len(edges) == 0 {
		_, err := fmt.Fprintln(w, "No traffic was seen.")
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "FROM\tTO\tMTLS\tREQUESTS\tREASON")
	for _, e := range sorted(edges) {
		word := "yes"
		if !e.MTLS {
			word = "no"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%.0f\t%s\n", e.Caller(), e.Callee(), word, e.Requests, diag.Scrub(e.Reason))
	}
	return t.Flush()
}

// nodes are the names in a map, sorted.
func nodes(edges []Edge) []string {
	var out []string
	for _, e := range edges {
		out = append(out, e.Caller(), e.Callee())
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Mermaid writes the map as a Mermaid flowchart. Traffic without mTLS is dotted.
func Mermaid(w io.Writer, edges []Edge) error {
	var b strings.Builder
	b.WriteString("flowchart LR\n")
	id := map[string]string{}
	for i, n := range nodes(edges) {
		id[n] = fmt.Sprintf("n%d", i)
		fmt.Fprintf(&b, "  n%d[\"%s\"]\n", i, mermaidText(n))
	}
	for _, e := range sorted(edges) {
		arrow := "-->"
		if !e.MTLS {
			arrow = "-.->"
		}
		fmt.Fprintf(&b, "  %s %s|\"%s\"| %s\n", id[e.Caller()], arrow, e.label(), id[e.Callee()])
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// mermaidText writes characters that mean something to Mermaid or HTML as entities.
func mermaidText(s string) string {
	var b strings.Builder
	for _, r := range s {
		if strings.ContainsRune("\"'`<>&#;[](){}|\\", r) {
			fmt.Fprintf(&b, "#%d;", r)
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}
