package lang

import (
	"crypto/md5"  //nolint:gosec // offered because Terraform offers it, not for security
	"crypto/sha1" //nolint:gosec // likewise
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"hash"

	"github.com/google/uuid"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// hashFunctions are the digests of strings and of files, in hexadecimal and in base64.
func hashFunctions(files confined) map[string]function.Function {
	out := map[string]function.Function{"uuidv5": uuidV5Function()}
	for _, h := range []struct {
		name   string
		make   func() hash.Hash
		encode func([]byte) string
	}{
		{"md5", md5.New, hex.EncodeToString},
		{"sha1", sha1.New, hex.EncodeToString},
		{"sha256", sha256.New, hex.EncodeToString},
		{"sha512", sha512.New, hex.EncodeToString},
		{"base64sha256", sha256.New, base64.StdEncoding.EncodeToString},
		{"base64sha512", sha512.New, base64.StdEncoding.EncodeToString},
	} {
		digest := func(b []byte) cty.Value {
			sum := h.make()
			sum.Write(b)
			return cty.StringVal(h.encode(sum.Sum(nil)))
		}
		out[h.name] = stringFunction(cty.String, func(a []string) (cty.Value, error) {
			return digest([]byte(a[0])), nil
		}, "str")
		out["file"+h.name] = stringFunction(cty.String, func(a []string) (cty.Value, error) {
			b, err := files.read(a[0])
			if err != nil {
				return cty.NilVal, function.NewArgError(0, err)
			}
			return digest(b), nil
		}, "path")
	}
	return out
}

// uuidV5Function derives a UUID from a name space (dns, url, oid, x500 or a UUID) and a name.
func uuidV5Function() function.Function {
	return stringFunction(cty.String, func(a []string) (cty.Value, error) {
		var space uuid.UUID
		switch a[0] {
		case "dns":
			space = uuid.NameSpaceDNS
		case "url":
			space = uuid.NameSpaceURL
		case "oid":
			space = uuid.NameSpaceOID
		case "x500":
			space = uuid.NameSpaceX500
		default:
			var err error
			if space, err = uuid.Parse(a[0]); err != nil {
				return cty.NilVal, function.NewArgErrorf(0, "%q is neither dns, url, oid, x500 nor a UUID", a[0])
			}
		}
		return cty.StringVal(uuid.NewSHA1(space, []byte(a[1])).String()), nil
	}, "namespace", "name")
}
