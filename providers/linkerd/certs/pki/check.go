package pki

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/meshplan/meshplan/internal/diag"
)

// Findings about certificates.
const (
	// CodeAnchorKey: a trust anchor's key or signature is of a kind that proxies refuse.
	CodeAnchorKey diag.Code = "linkerd.anchor-key"
	// CodeAnchorNotCA: a trust anchor is not a certificate authority, or may not sign certificates.
	CodeAnchorNotCA diag.Code = "linkerd.anchor-not-ca"
	// CodeAnchorPathLength: a trust anchor's path length leaves no room for an issuer.
	CodeAnchorPathLength diag.Code = "linkerd.anchor-path-length"
	// CodeAnchorNotRoot: a trust anchor is signed by something else.
	CodeAnchorNotRoot diag.Code = "linkerd.anchor-not-root"
	// CodeIssuerKey: the issuer's key is not ECDSA P-256, or its signature is of a kind that proxies refuse.
	CodeIssuerKey diag.Code = "linkerd.issuer-key"
	// CodeIssuerNotCA: the issuer is not a certificate authority, or may not sign certificates.
	CodeIssuerNotCA diag.Code = "linkerd.issuer-not-ca"
	// CodeIssuerUsage: the issuer's extended key usage or name constraints forbid the certificates of proxies.
	CodeIssuerUsage diag.Code = "linkerd.issuer-usage"
	// CodeIssuerUntrusted: the issuer does not lead to a trust anchor.
	CodeIssuerUntrusted diag.Code = "linkerd.issuer-untrusted"
	// CodeIssuerOutlives: the issuer is valid for longer than its trust anchor.
	CodeIssuerOutlives diag.Code = "linkerd.issuer-outlives-anchor"
	// CodeIssuerIsAnchor: one certificate is anchor and issuer, so the root's key is in the cluster's issuer Secret.
	CodeIssuerIsAnchor diag.Code = "linkerd.issuer-is-anchor"
	// CodeTrustDomain: a certificate is named after another trust domain than the one in force.
	CodeTrustDomain diag.Code = "linkerd.trust-domain"
	// CodeNotYetValid: a certificate's validity begins in the future.
	CodeNotYetValid diag.Code = "linkerd.certificate-not-yet-valid"
	// CodeExpired: a certificate has expired.
	CodeExpired diag.Code = "linkerd.certificate-expired"
	// CodeExpiring: a certificate expires within the time that warns.
	CodeExpiring diag.Code = "linkerd.certificate-expiring"
	// CodeServingName: a webhook's certificate does not carry the name under which the API server calls it.
	CodeServingName diag.Code = "linkerd.webhook-certificate-name"
	// CodeServingUntrusted: a webhook's certificate does not lead to the CA bundle of its configuration.
	CodeServingUntrusted diag.Code = "linkerd.webhook-certificate-untrusted"
)

// Finding is something that is wrong with a certificate, in words that hold only what is public.
type Finding struct {
	Code    diag.Code
	Warning bool
	Detail  string
}

// Errors reports whether one of the findings is more than a warning.
func Errors(fs []Finding) bool {
	return slices.ContainsFunc(fs, func(f Finding) bool { return !f.Warning })
}

type findings []Finding

func (f *findings) fail(code diag.Code, format string, args ...any) {
	*f = append(*f, Finding{Code: code, Detail: fmt.Sprintf(format, args...)})
}

func (f *findings) warn(code diag.Code, format string, args ...any) {
	*f = append(*f, Finding{Code: code, Warning: true, Detail: fmt.Sprintf(format, args...)})
}

// CheckAnchor returns what Linkerd would refuse about a trust anchor at time now. An expiry within warn is a warning; a
// warn of zero asks for none.
func CheckAnchor(c *x509.Certificate, now time.Time, warn time.Duration) []Finding {
	var f findings
	switch k := c.PublicKey.(type) {
	case *ecdsa.PublicKey:
		if k.Curve != elliptic.P256() {
			f.fail(CodeAnchorKey, "%s has an ECDSA key on curve %s. Use P-256, or RSA with 2048 or 4096 bits.", name(c), k.Curve.Params().Name)
		}
	case *rsa.PublicKey:
		if n := k.N.BitLen(); n != 2048 && n != 4096 {
			f.fail(CodeAnchorKey, "%s has an RSA key of %d bits. Use 2048 or 4096, or ECDSA P-256.", name(c), n)
		}
	default:
		f.fail(CodeAnchorKey, "%s has a key of type %s. Use ECDSA P-256, or RSA with 2048 or 4096 bits.", name(c), c.PublicKeyAlgorithm)
	}
	if a := c.SignatureAlgorithm; a != x509.ECDSAWithSHA256 && a != x509.SHA256WithRSA {
		f.fail(CodeAnchorKey, "%s is signed with %s. Use ECDSA-SHA256 or SHA256-RSA.", name(c), a)
	}
	if !signsCertificates(c) {
		f.fail(CodeAnchorNotCA, "%s is not a CA that may sign certificates. Make it with basic constraints CA:TRUE and key usage keyCertSign.", name(c))
	}
	if c.MaxPathLen == 0 && c.MaxPathLenZero {
		f.fail(CodeAnchorPathLength, "%s has path length 0, so it may not sign an issuer that signs proxies' certificates. Make it with path length 1 or none.", name(c))
	}
	if !isSelfSigned(c) {
		f.fail(CodeAnchorNotRoot, "%s is signed by %q. A trust anchor is the self-signed root; put the intermediate into the issuer's chain.", name(c), c.Issuer.String())
	}
	f.validity(c, now, warn)
	return f
}

// IssuerRules is what an issuer is held to.
type IssuerRules struct {
	Anchors Bundle
	// TrustDomain ends the identities of the mesh, for instance `cluster.local`. Namespace is the control plane's.
	TrustDomain, Namespace string
	Now                    time.Time
	// Warn is how long before expiry a warning is due; zero asks for none.
	Warn time.Duration
}

// CheckIssuer returns what Linkerd would refuse, and what would fail later, about an issuer and the intermediates after
// it. The chain has at least one element.
func CheckIssuer(chain []*x509.Certificate, r IssuerRules) []Finding {
	var f findings
	c := chain[0]
	if k, ok := c.PublicKey.(*ecdsa.PublicKey); !ok || k.Curve != elliptic.P256() {
		f.fail(CodeIssuerKey, "%s does not have an ECDSA P-256 key, and the identity controller takes no other. Make a new one.", name(c))
	}
	if a := c.SignatureAlgorithm; a != x509.ECDSAWithSHA256 && a != x509.SHA256WithRSA {
		f.fail(CodeIssuerKey, "%s is signed with %s. Sign it with ECDSA-SHA256 or SHA256-RSA.", name(c), a)
	}
	if !signsCertificates(c) {
		f.fail(CodeIssuerNotCA, "%s is not a CA that may sign certificates. Make it with basic constraints CA:TRUE, path length 0 and key usage keyCertSign.", name(c))
	}
	f.usage(c, r)
	f.validity(c, r.Now, r.Warn)
	if want, ok := strings.CutPrefix(c.Subject.CommonName, "identity.linkerd."); ok && r.TrustDomain != "" && want != r.TrustDomain {
		f.warn(CodeTrustDomain, "%s is named after trust domain %q but the mesh uses %q. Linkerd does not check the name; make sure that this is the issuer you mean.", name(c), want, r.TrustDomain)
	}
	f.trust(chain, r)
	return f
}

// usage finds restrictions in the issuer that no proxy's certificate could meet.
func (f *findings) usage(c *x509.Certificate, r IssuerRules) {
	if len(c.ExtKeyUsage)+len(c.UnknownExtKeyUsage) > 0 && !slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageAny) {
		for _, u := range []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth} {
			if !slices.Contains(c.ExtKeyUsage, u) {
				f.fail(CodeIssuerUsage, "%s restricts its extended key usage and leaves out server or client authentication, which every proxy needs. Leave the extension out or name both.", name(c))
				break
			}
		}
	}
	if r.TrustDomain == "" {
		return
	}
	identity := "serviceaccount.identity." + r.Namespace + "." + r.TrustDomain
	permitted := len(c.PermittedDNSDomains) == 0 || slices.ContainsFunc(c.PermittedDNSDomains, func(d string) bool { return within(identity, d) })
	excluded := slices.ContainsFunc(c.ExcludedDNSDomains, func(d string) bool { return within(identity, d) })
	if !permitted || excluded {
		f.fail(CodeIssuerUsage, "%s has name constraints that do not allow identities ending in %q. Permit that domain or drop the constraints.", name(c), identity)
	}
}

// trust finds out whether the chain leads to an anchor, and why not.
func (f *findings) trust(chain []*x509.Certificate, r IssuerRules) {
	c := chain[0]
	if r.Anchors.Contains(c) {
		f.warn(CodeIssuerIsAnchor, "%s is trust anchor and issuer in one, so the root's private key lies in the issuer's Secret and rotating the issuer means rotating the anchor. Make an issuer that the anchor signs.", name(c))
		return
	}
	anchor := r.Anchors.Signer(chain)
	if anchor == nil {
		f.fail(CodeIssuerUntrusted, "%s, signed by %q, does not lead to any of the trust anchors (%s). Proxies would refuse every certificate that it signs. Use an issuer signed by one of them, or first add its root to the bundle and restart the meshed workloads.",
			name(c), c.Issuer.CommonName, short(r.Anchors))
		return
	}
	if anchor.MaxPathLen == 0 && anchor.MaxPathLenZero {
		f.fail(CodeAnchorPathLength, "%s has path length 0, so certificates signed by the issuer under it are not valid. Make an anchor with path length 1 or none.", name(anchor))
	}
	if c.NotAfter.After(anchor.NotAfter) {
		f.warn(CodeIssuerOutlives, "%s is valid until %s, but its trust anchor ends on %s, and with it every certificate below.", name(c), day(c.NotAfter), day(anchor.NotAfter))
	}
}

// CheckServing returns what is wrong with a webhook's certificate: its time, its name and whether the API server,
// which knows caBundle only, would accept it.
func CheckServing(chain []*x509.Certificate, host string, caBundle Bundle, now time.Time, warn time.Duration) []Finding {
	var f findings
	c := chain[0]
	f.validity(c, now, warn)
	if err := c.VerifyHostname(host); err != nil {
		f.fail(CodeServingName, "%s does not carry the name %q under which the API server calls the webhook.", name(c), host)
	}
	if caBundle.Len() == 0 {
		f.fail(CodeServingUntrusted, "%s cannot be verified by the API server: the webhook's configuration has no CA bundle.", name(c))
	} else if caBundle.Signer(chain) == nil {
		f.fail(CodeServingUntrusted, "%s does not lead to the CA bundle in the webhook's configuration, so the API server refuses the webhook.", name(c))
	}
	return f
}

func (f *findings) validity(c *x509.Certificate, now time.Time, warn time.Duration) {
	switch left := c.NotAfter.Sub(now); {
	case now.Before(c.NotBefore):
		f.fail(CodeNotYetValid, "%s is valid from %s on, which is in the future. Check the clocks.", name(c), c.NotBefore.UTC().Format(time.RFC3339))
	case left < 0:
		f.fail(CodeExpired, "%s expired on %s.", name(c), day(c.NotAfter))
	case warn > 0 && left < warn:
		f.warn(CodeExpiring, "%s expires on %s, in %d days.", name(c), day(c.NotAfter), Days(left))
	}
}

// Days returns whole days, rounded down, also below zero.
func Days(d time.Duration) int64 {
	n := int64(d / (24 * time.Hour))
	if d < 0 && d%(24*time.Hour) != 0 {
		n--
	}
	return n
}

func signsCertificates(c *x509.Certificate) bool {
	return c.BasicConstraintsValid && c.IsCA && (c.KeyUsage == 0 || c.KeyUsage&x509.KeyUsageCertSign != 0)
}

func isSelfSigned(c *x509.Certificate) bool {
	if !bytes.Equal(c.RawSubject, c.RawIssuer) {
		return false
	}
	return c.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature) == nil
}

// within reports whether host lies in the domain of a name constraint.
func within(host, domain string) bool {
	domain = strings.TrimPrefix(domain, ".")
	return domain == "" || host == domain || strings.HasSuffix(host, "."+domain)
}

// name tells certificates apart in messages: the subject and the beginning of the fingerprint.
func name(c *x509.Certificate) string {
	subject := c.Subject.CommonName
	if subject == "" {
		subject = c.Subject.String()
	}
	return fmt.Sprintf("The certificate %q (%s)", subject, Fingerprint(c)[:12])
}

func short(b Bundle) string {
	var out []string
	for _, c := range b.certs {
		out = append(out, fmt.Sprintf("%q %s", c.Subject.CommonName, Fingerprint(c)[:12]))
	}
	if len(out) == 0 {
		return "there are none"
	}
	return strings.Join(out, ", ")
}

func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }
