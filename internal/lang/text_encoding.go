package lang

import (
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/ianaindex"
)

// textEncodeFunction writes text in another character encoding, in base64.
func textEncodeFunction() function.Function {
	return stringFunction(cty.String, func(a []string) (cty.Value, error) {
		enc, err := characterEncoding(a[1])
		if err != nil {
			return cty.NilVal, err
		}
		b, err := enc.NewEncoder().Bytes([]byte(a[0]))
		if err != nil {
			return cty.NilVal, function.NewArgErrorf(0, "it has characters that %s does not have", strings.ToUpper(a[1]))
		}
		return cty.StringVal(base64.StdEncoding.EncodeToString(b)), nil
	}, "string", "encoding")
}

// textDecodeFunction reads text in another character encoding from base64.
func textDecodeFunction() function.Function {
	return stringFunction(cty.String, func(a []string) (cty.Value, error) {
		enc, err := characterEncoding(a[1])
		if err != nil {
			return cty.NilVal, err
		}
		raw, err := base64.StdEncoding.DecodeString(a[0])
		if err != nil {
			return cty.NilVal, function.NewArgErrorf(0, "it is not base64: %s", err)
		}
		b, err := enc.NewDecoder().Bytes(raw)
		if err != nil || strings.ContainsRune(string(b), '\ufffd') {
			return cty.NilVal, function.NewArgErrorf(0, "it is not text in %s", strings.ToUpper(a[1]))
		}
		return cty.StringVal(string(b)), nil
	}, "source", "encoding")
}

func characterEncoding(name string) (encoding.Encoding, error) {
	enc, err := ianaindex.IANA.Encoding(name)
	if err != nil || enc == nil {
		return nil, function.NewArgError(1, fmt.Errorf("%q is not the name of a supported character encoding in IANA's list", name))
	}
	return enc, nil
}
