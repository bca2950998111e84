package lang

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"time"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// certificateFunction describes the first certificate in PEM text: the leaf, in a chain. Times are RFC 3339 in UTC, the
// serial number is decimal, fingerprint and key identifiers are lower-case hexadecimal.
func certificateFunction() function.Function {
	t := cty.Object(map[string]cty.Type{
		"subject":             cty.String,
		"issuer":              cty.String,
		"not_before":          cty.String,
		"not_after":           cty.String,
		"serial_number":       cty.String,
		"fingerprint_sha256":  cty.String,
		"is_ca":               cty.Bool,
		"key_algorithm":       cty.String,
		"key_bits":            cty.Number,
		"signature_algorithm": cty.String,
		"subject_key_id":      cty.String,
		"authority_key_id":    cty.String,
		"dns_names":           cty.List(cty.String),
		"ip_addresses":        cty.List(cty.String),
		"uris":                cty.List(cty.String),
	})
	return stringFunction(t, func(a []string) (cty.Value, error) {
		c, err := firstCertificate([]byte(a[0]))
		if err != nil {
			return cty.NilVal, err
		}
		uris := make([]string, len(c.URIs))
		for i, u := range c.URIs {
			uris[i] = u.String()
		}
		ips := make([]string, len(c.IPAddresses))
		for i, ip := range c.IPAddresses {
			ips[i] = ip.String()
		}
		sum := sha256.Sum256(c.Raw)
		return cty.ObjectVal(map[string]cty.Value{
			"subject":             cty.StringVal(c.Subject.String()),
			"issuer":              cty.StringVal(c.Issuer.String()),
			"not_before":          cty.StringVal(c.NotBefore.UTC().Format(time.RFC3339)),
			"not_after":           cty.StringVal(c.NotAfter.UTC().Format(time.RFC3339)),
			"serial_number":       cty.StringVal(c.SerialNumber.String()),
			"fingerprint_sha256":  cty.StringVal(hex.EncodeToString(sum[:])),
			"is_ca":               cty.BoolVal(c.BasicConstraintsValid && c.IsCA),
			"key_algorithm":       cty.StringVal(c.PublicKeyAlgorithm.String()),
			"key_bits":            keyBits(c),
			"signature_algorithm": cty.StringVal(c.SignatureAlgorithm.String()),
			"subject_key_id":      cty.StringVal(hex.EncodeToString(c.SubjectKeyId)),
			"authority_key_id":    cty.StringVal(hex.EncodeToString(c.AuthorityKeyId)),
			"dns_names":           stringList(c.DNSNames),
			"ip_addresses":        stringList(ips),
			"uris":                stringList(uris),
		}), nil
	}, "pem")
}

// keyBits is the size of the public key, null for a kind of key that is not known here.
func keyBits(c *x509.Certificate) cty.Value {
	switch k := c.PublicKey.(type) {
	case *ecdsa.PublicKey:
		return cty.NumberIntVal(int64(k.Curve.Params().BitSize))
	case *rsa.PublicKey:
		return cty.NumberIntVal(int64(k.N.BitLen()))
	case ed25519.PublicKey:
		return cty.NumberIntVal(256)
	}
	return cty.NullVal(cty.Number)
}

// firstCertificate passes over blocks of other types. Errors never quote the text: it may hold a private key.
func firstCertificate(text []byte) (*x509.Certificate, error) {
	found := "nothing in PEM form"
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			return nil, function.NewArgErrorf(0, "there is no certificate in it, only %s", found)
		}
		if block.Type != "CERTIFICATE" {
			found = "PEM blocks of other types"
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, function.NewArgErrorf(0, "the certificate cannot be read: %s", err)
		}
		return c, nil
	}
}

func stringList(in []string) cty.Value {
	if len(in) == 0 {
		return cty.ListValEmpty(cty.String)
	}
	out := make([]cty.Value, len(in))
	for i, s := range in {
		out[i] = cty.StringVal(s)
	}
	return cty.ListVal(out)
}
