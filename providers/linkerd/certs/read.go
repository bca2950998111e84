package certs

import (
	"context"
	"crypto/x509"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
	"github.com/meshplan/meshplan/providers/linkerd/certs/pki"
)

// secretRead asks what became of one Secret.
type secretRead struct {
	request  providers.ReadRequest
	ref      kube.Ref
	layout   layout
	owned    bool // ours: only then is it looked for by our mark and is its record kept
	response *providers.ReadResponse
	// fill returns the attributes that follow from the Secret.
	fill func(secretState) map[string]cty.Value
}

// secretState is a Secret that was found.
type secretState struct {
	object *unstructured.Unstructured
	chain  []*x509.Certificate
}

// readSecrets answers reads: records and marks of all Secrets at once, then the certificate of each that is there.
func readSecrets(ctx context.Context, c *kube.Cluster, reads []secretRead) hcl.Diagnostics {
	var sets []kube.SetRead
	var owned []int
	for i, r := range reads {
		if !r.owned {
			continue
		}
		record, err := kube.DecodeRecord(r.request.Private)
		if err != nil {
			r.response.Diagnostics = diag.FromError(kube.CodeRecord, "Record cannot be read", err, nil)
			continue
		}
		shape := newSecret(r.ref, r.layout.Type, nil, nil)
		delete(shape.Object, "data") // what is in it is judged by the certificate
		sets = append(sets, kube.SetRead{Owner: r.request.Owner, Record: record, Desired: kube.Objects(shape), Unresolved: r.request.Unresolved})
		owned = append(owned, i)
	}
	if len(sets) > 0 {
		states, ds := c.ReadSets(ctx, sets)
		if ds.HasErrors() {
			return ds
		}
		for j, s := range states {
			r := reads[owned[j]]
			r.response.Private = s.Record.Encode()
			s.Diagnostics = tolerate(s.Diagnostics, r.ref)
			r.response.Diagnostics = append(r.response.Diagnostics, s.Diagnostics...)
			if !s.Exists() && len(s.Diagnostics) == 0 {
				r.response.Value = cty.NullVal(r.request.Value.Type())
			}
		}
	}
	for _, r := range reads {
		if r.response.Value.IsNull() || r.response.Diagnostics.HasErrors() {
			continue
		}
		r.read(ctx, c)
	}
	return nil
}

// read fills the response from the live Secret.
func (r secretRead) read(ctx context.Context, c *kube.Cluster) {
	u, forbidden, ds := get(ctx, c, r.ref)
	switch {
	case ds.HasErrors():
		r.response.Diagnostics = append(r.response.Diagnostics, ds...)
		return
	case forbidden:
		r.response.Diagnostics = append(r.response.Diagnostics, unreadable(r.ref))
		return
	case u == nil:
		r.response.Value = cty.NullVal(r.request.Value.Type())
		return
	}
	chain, ds := chainIn(u, r.layout)
	if ds.HasErrors() {
		// A Secret without a usable certificate is as good as none: the next plan makes a new one and says so.
		for _, d := range ds {
			d.Severity = hcl.DiagWarning
		}
		r.response.Diagnostics = append(r.response.Diagnostics, ds...)
		r.response.Value = unknownAsNull(r.response.Value)
		return
	}
	if _, err := pki.LoadKeyPair(data(u, r.layout.Certificate), data(u, r.layout.Key)); err != nil {
		r.response.Diagnostics = append(r.response.Diagnostics, diag.Warningf(CodeCertificate, "Key pair cannot be used",
			"In the %s: %s. Restore the Secret from a backup, or rotate the certificate.", r.ref, err))
	}
	r.response.Value = with(r.response.Value, r.fill(secretState{object: u, chain: chain}))
}

// unknownAsNull makes a value that holds no certificate: everything computed is null.
func unknownAsNull(v cty.Value) cty.Value {
	m := v.AsValueMap()
	for _, n := range []string{"certificate_pem", "fingerprint_sha256"} {
		m[n] = cty.NullVal(m[n].Type())
	}
	return cty.ObjectVal(m)
}

// tolerate turns a refusal to read the Secret into the warning that the recorded certificate is shown: plans are also
// made with credentials that may not see Secrets.
func tolerate(ds hcl.Diagnostics, r kube.Ref) (out hcl.Diagnostics) {
	for _, d := range ds {
		if diag.CodeOf(d) == kube.CodeForbidden {
			d = unreadable(r)
		}
		out = append(out, d)
	}
	return out
}
