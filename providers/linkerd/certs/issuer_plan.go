package certs

import (
	"context"
	"crypto/x509"
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
	"github.com/meshplan/meshplan/providers/linkerd/certs/pki"
)

// issuerPlan is one planning of an issuer.
type issuerPlan struct {
	t       *issuerResource
	req     providers.PlanRequest
	planned cty.Value
	private issuerPrivate
	parents parents
}

// anchorUnknown plans an issuer below an anchor that the same run makes or changes.
func (p issuerPlan) anchorUnknown(ctx context.Context) (providers.PlanResponse, hcl.Diagnostics) {
	resp := providers.PlanResponse{Planned: unknown(p.planned, issuerComputed...)}
	if schema.Text(p.req.Config.GetAttr("mode")) == ModeSecret {
		return resp, nil
	}
	if p.req.Prior.IsNull() {
		resp.Notes = append(resp.Notes, "Makes an ECDSA P-256 issuer signed by the new trust anchor.")
	} else {
		resp.Notes = append(resp.Notes, "The trust anchor changes in this run. The issuer follows when every meshed pod trusts the new anchor, in this run or a later one.")
	}
	return p.withSet(ctx, resp)
}

// adopted plans an issuer that somebody else keeps.
func (p issuerPlan) adopted(ctx context.Context) (providers.PlanResponse, hcl.Diagnostics) {
	resp := providers.PlanResponse{Planned: unknown(p.planned, issuerComputed...), Private: p.req.Private}
	if p.req.Offline {
		return resp, nil
	}
	r := secretRef(schema.Text(p.planned.GetAttr("namespace")), IssuerName)
	u, forbidden, ds := get(ctx, p.t.env.Cluster(), r)
	switch {
	case ds.HasErrors():
		return resp, ds
	case forbidden:
		if !p.req.Prior.IsNull() {
			resp.Planned = p.req.Prior
		}
		return resp, hcl.Diagnostics{unreadable(r)}
	case u == nil:
		resp.Notes = append(resp.Notes, fmt.Sprintf("The %s does not exist yet; it is checked during apply.", r))
		return resp, nil
	}
	chain, ds := p.t.checkAdopted(u, p.req.Config, p.parents)
	if len(chain) > 0 {
		resp.Planned = with(p.planned, issuerAttrs(chain, p.parents.bundle))
	}
	return resp, ds
}

// checkAdopted judges an issuer that is not ours, its key included.
func (t *issuerResource) checkAdopted(u *unstructured.Unstructured, config cty.Value, par parents) (chain []*x509.Certificate, ds hcl.Diagnostics) {
	l, r := layoutOf(schema.Text(config.GetAttr("scheme"))), kube.RefOf(u)
	if chain, ds = chainIn(u, l); ds.HasErrors() {
		return nil, ds
	}
	if _, more := pairIn(u, l); more.HasErrors() {
		ds = append(ds, more...)
	}
	if l.CA != "" && len(data(u, l.CA)) == 0 {
		ds = append(ds, diag.Warningf(CodeSecretMissing, "Trust anchor missing in the issuer's Secret",
			"The %s has no key %q. The identity controller runs without it, but `linkerd check` fails; put the trust anchor's certificate there.", r, l.CA))
	}
	rules := t.rules(par.bundle)
	rules.Warn = duration(config.GetAttr("renew_before"))
	return chain, append(ds, report(pki.CheckIssuer(chain, rules), "Unusable identity issuer", r.String())...)
}

// generated plans an issuer of our own.
func (p issuerPlan) generated(ctx context.Context) (providers.PlanResponse, hcl.Diagnostics) {
	resp := providers.PlanResponse{Planned: unknown(p.planned, issuerComputed...), Private: p.req.Private}
	ds := report(pki.CheckAnchor(p.parents.current, p.t.now(), 0), "Unusable trust anchor", "")
	if ds.HasErrors() {
		return resp, ds
	}
	var chain []*x509.Certificate
	if !p.req.Prior.IsNull() {
		chain, _ = pki.ParsePEM([]byte(schema.Text(p.req.Prior.GetAttr("certificate_pem"))))
	}
	if len(chain) == 0 || p.req.Replacing {
		resp, more := p.creation(ctx, resp)
		return resp, append(ds, more...)
	}
	config := with(p.req.Config, map[string]cty.Value{"common_name": p.planned.GetAttr("common_name")})
	reasons, broken := issuerReasons(chain, p.parents, p.req.Prior, config, p.t.rules(p.parents.bundle))
	if broken && !p.req.Offline {
		works, more := p.t.works(ctx, chain, p.parents.bundle)
		if more.HasErrors() {
			return resp, append(ds, more...)
		}
		broken = !works
	}
	if len(reasons) > 0 && !broken && !p.req.Offline {
		waits, more := distrusting(ctx, p.t.env.Cluster(), p.t.env.Namespace(), p.parents.current)
		if more.HasErrors() {
			return resp, append(ds, more...)
		}
		if len(waits) > 0 {
			ds = append(ds, diag.Warningf(CodeRotationWaits, "Rotation of the identity issuer waits",
				"%s new issuer is due (%s), but %d do not trust the anchor above it yet: %s. Restart them; until then the present issuer stays.",
				p.rotationStep(chain[0], "A"), strings.Join(reasons, "; "), len(waits), some(waits)))
			reasons = nil
		}
	}
	if len(reasons) == 0 {
		resp.Planned = with(p.planned, issuerAttrs(chain, p.parents.bundle))
		if p.private.Loaded != pki.Fingerprint(chain[0]) {
			resp.Again = "the identity controller has not been seen to load the issuer"
		}
		if p.planned.GetAttr("trust_anchor").RawEquals(p.req.Prior.GetAttr("trust_anchor")) && !p.req.Incomplete {
			return resp, ds
		}
	} else if back, more := p.former(ctx, config); more.HasErrors() {
		return resp, append(ds, more...)
	} else if back != nil {
		resp.Planned = with(p.planned, issuerAttrs(back, p.parents.bundle))
		resp.Notes = append(resp.Notes, "Takes the former issuer back, which was made for this configuration: "+describe(back[0], p.t.now())+". Nothing restarts.")
	} else {
		resp.Notes = append(resp.Notes, p.rotationStep(chain[0], "Makes")+" a new issuer: "+strings.Join(reasons, "; ")+". Proxies keep their certificates and get the next ones from it; nothing restarts.")
	}
	resp, more := p.withSet(ctx, resp)
	return resp, append(ds, more...)
}

// former returns the chain of the former issuer when it is what is asked for now.
func (p issuerPlan) former(ctx context.Context, config cty.Value) ([]*x509.Certificate, hcl.Diagnostics) {
	if p.req.Offline {
		return nil, nil
	}
	u, _, ds := get(ctx, p.t.env.Cluster(), secretRef(schema.Text(p.planned.GetAttr("namespace")), IssuerName))
	return p.t.formerIssuer(u, wishOf(config), config, p.parents), ds
}

// creation plans a new Secret, or takes over one that is there.
func (p issuerPlan) creation(ctx context.Context, resp providers.PlanResponse) (providers.PlanResponse, hcl.Diagnostics) {
	resp, ds := p.withSet(ctx, resp)
	if ds.HasErrors() || p.req.Replacing || p.req.Offline {
		return resp, ds
	}
	r := secretRef(schema.Text(p.planned.GetAttr("namespace")), IssuerName)
	u, forbidden, more := get(ctx, p.t.env.Cluster(), r)
	if ds = append(ds, more...); more.HasErrors() || forbidden {
		return resp, ds
	}
	if u != nil {
		chain, more := chainIn(u, layoutOf(schema.Text(p.req.Config.GetAttr("scheme"))))
		if !more.HasErrors() && !pki.Errors(pki.CheckIssuer(chain, p.t.rules(p.parents.bundle))) {
			resp.Planned = with(p.planned, issuerAttrs(chain, p.parents.bundle))
			resp.Adopted = resp.Planned
			resp.Notes = append(resp.Notes, fmt.Sprintf("Takes over the issuer in the %s: %s.", r, describe(chain[0], p.t.now())))
			return resp, ds
		}
		resp.Notes = append(resp.Notes, fmt.Sprintf("The %s holds no issuer that the trust anchor has signed; a new one takes its place.", r))
	}
	resp.Notes = append(resp.Notes, fmt.Sprintf("Makes an ECDSA P-256 issuer valid for %s. Its private key is kept in the %s.", schema.Text(p.req.Config.GetAttr("validity")), r))
	return resp, ds
}

// withSet adds what writing the Secret means.
func (p issuerPlan) withSet(ctx context.Context, resp providers.PlanResponse) (providers.PlanResponse, hcl.Diagnostics) {
	record, err := kube.DecodeRecord(p.private.Set)
	if err != nil {
		return resp, diag.FromError(kube.CodeRecord, "Record cannot be read", err, nil)
	}
	secret := p.t.secret(p.planned, nil)
	plan, ds := p.t.env.Cluster().PlanSet(ctx, kube.SetPlanRequest{
		Owner: p.req.Owner, Prior: record, Replacing: p.req.Replacing, Offline: p.req.Offline,
		Desired: []kube.Desired{{Object: secret, Unknown: []kube.Path{{"data"}, unknownHistory()}}},
		Options: kube.SetOptions{OnExists: schema.Text(p.req.Config.GetAttr("on_exists"))},
	})
	resp.Private = issuerPrivate{Set: plan.Private, Loaded: p.private.Loaded}.encode()
	resp.Notes = append(resp.Notes, plan.Notes...)
	return resp, ds
}

// secret builds the issuer's Secret; nil data leaves it out.
func (t *issuerResource) secret(v cty.Value, content map[string][]byte) *unstructured.Unstructured {
	u := newSecret(secretRef(schema.Text(v.GetAttr("namespace")), IssuerName), layoutOf(schema.Text(v.GetAttr("scheme"))).Type,
		map[string]string{labelComponent: "identity", labelControlPlaneNamespace: t.env.Namespace()}, content)
	if content == nil {
		delete(u.Object, "data")
	}
	return u
}

// rotationStep begins a sentence: in the rotation of the anchor, moving the issuer is the second of its three steps.
func (p *issuerPlan) rotationStep(present *x509.Certificate, verb string) string {
	if present.CheckSignatureFrom(p.parents.current) == nil {
		return verb
	}
	return "Step 2 of 3 of the anchor's rotation: " + strings.ToLower(verb)
}
