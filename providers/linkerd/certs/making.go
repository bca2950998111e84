package certs

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/zclconf/go-cty/cty"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
	"github.com/meshplan/meshplan/providers/linkerd/certs/pki"
)

// annotationMaking says, on a Secret of ours, what its pair was made for. A run that was killed between the write and
// the record reads there that the work is done; without it the next run would rotate once more.
const annotationMaking = "meshplan.dev/made-for"

// The keys of the pair that was in force before the present one. It can come back while it is there.
const (
	keyFormerCertificate = "former.crt"
	keyFormerKey         = "former.key"
)

// making is what a pair was made for: the parts of the configuration that ask for a new one.
type making struct {
	Rotate     string `json:"rotate,omitempty"`
	CommonName string `json:"common_name,omitempty"`
	Validity   string `json:"validity,omitempty"`
}

// history is what a Secret of ours says about its pairs. The zero value says nothing: the Secret is not ours, or older.
type history struct {
	making
	// Since is when the present pair took its place; zero when it is the first.
	Since time.Time `json:"since,omitzero"`
	// Former is what the pair in former.crt and former.key was made for; nil when there is none.
	Former *making `json:"former,omitempty"`
	// Spent are the texts of `rotate` whose pairs are gone for good.
	Spent []string `json:"spent,omitempty"`
}

func historyOf(u *unstructured.Unstructured) (h history, known bool) {
	if u == nil {
		return h, false
	}
	text := u.GetAnnotations()[annotationMaking]
	return h, text != "" && json.Unmarshal([]byte(text), &h) == nil
}

// put writes the history on a Secret.
func (h history) put(u *unstructured.Unstructured) {
	b, err := json.Marshal(h)
	if err != nil {
		panic(err) // strings and a time
	}
	u.SetAnnotations(map[string]string{annotationMaking: string(b)})
}

// unknownHistory is the place of the history while a plan does not know it.
func unknownHistory() kube.Path { return kube.Path{"metadata", "annotations", annotationMaking} }

// spend moves the former pair's text to those that are gone.
func (h history) spend() history {
	if h.Former != nil && h.Former.Rotate != h.Rotate && !slices.Contains(h.Spent, h.Former.Rotate) {
		const most = 20
		h.Spent = append(slices.Clone(h.Spent), h.Former.Rotate)
		h.Spent = h.Spent[max(0, len(h.Spent)-most):]
	}
	h.Former = nil
	return h
}

// succeed makes next the present pair and the present one the former.
func (h history) succeed(next making, now time.Time) history {
	was := h.making
	out := h.spend()
	out.Spent = slices.DeleteFunc(out.Spent, func(s string) bool { return s == next.Rotate })
	out.making, out.Former, out.Since = next, &was, now.UTC().Truncate(time.Second)
	return out
}

// formerPair reads the pair that was in force before; nil when there is none that can be used.
func formerPair(u *unstructured.Unstructured) *pki.KeyPair {
	if u == nil {
		return nil
	}
	pair, err := pki.LoadKeyPair(data(u, keyFormerCertificate), data(u, keyFormerKey))
	if err != nil {
		return nil
	}
	return pair
}

// formerCertificate is formerPair for plans, which read no key.
func formerCertificate(u *unstructured.Unstructured) *pki.Bundle {
	chain, err := pki.ParsePEM(data(u, keyFormerCertificate))
	if err != nil || len(data(u, keyFormerKey)) == 0 {
		return nil
	}
	b := pki.NewBundle(chain...)
	return &b
}

// putFormer adds a former pair to the content of a Secret.
func putFormer(content map[string][]byte, pair *pki.KeyPair) error {
	if pair == nil {
		return nil
	}
	key, err := pair.KeyPEM()
	if err != nil {
		return err
	}
	content[keyFormerCertificate], content[keyFormerKey] = pair.CertificatePEM(), key
	return nil
}

// rotateAttr is the value of the attribute rotate for a text.
func rotateAttr(text string) cty.Value {
	if text == "" {
		return cty.NullVal(cty.String)
	}
	return cty.StringVal(text)
}

func rotateOf(v cty.Value) string { return schema.Text(v.GetAttr("rotate")) }
