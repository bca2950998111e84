package render

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	pemenc "encoding/pem"
	"fmt"
	"strings"
	"time"
)

// inspectPEM looks at a text, or at what its base64 form hides, for PEM. It describes the certificates when the text
// consists of nothing else, and says whether the text holds a private key anywhere.
func inspectPEM(s string) (certs []string, private bool) {
	if strings.HasPrefix(s, "LS0tLS1CRUdJTi") { // base64 of "-----BEGIN "
		if dec, err := base64.StdEncoding.DecodeString(strings.TrimSpace(s)); err == nil {
			s = string(dec)
		}
	}
	if !strings.Contains(s, "-----BEGIN ") {
		return nil, false
	}
	if strings.Contains(s, "PRIVATE KEY-----") {
		return nil, true
	}
	if !strings.HasPrefix(strings.TrimSpace(s), "-----BEGIN ") {
		return nil, false
	}
	rest := []byte(s)
	for {
		var block *pemenc.Block
		block, rest = pemenc.Decode(rest)
		if block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			return nil, false
		}
		certs = append(certs, describeCertificate(block.Bytes))
	}
	if strings.TrimSpace(string(rest)) != "" {
		return nil, false
	}
	return certs, false
}

func describeCertificate(der []byte) string {
	sum := sha256.Sum256(der)
	finger := hex.EncodeToString(sum[:])
	finger = finger[:8] + "…" + finger[len(finger)-8:]
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return "certificate that cannot be parsed, sha256 " + finger
	}
	subject := c.Subject.String()
	if subject == "" {
		subject = "(no subject)"
	}
	return fmt.Sprintf("certificate %s, valid until %s, sha256 %s", oneLine(subject), c.NotAfter.UTC().Format(time.RFC3339), finger)
}
