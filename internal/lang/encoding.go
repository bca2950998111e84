package lang

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/url"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

func base64EncodeFunction() function.Function {
	return stringFunction(cty.String, func(a []string) (cty.Value, error) {
		return cty.StringVal(base64.StdEncoding.EncodeToString([]byte(a[0]))), nil
	}, "str")
}

func base64DecodeFunction() function.Function {
	return stringFunction(cty.String, func(a []string) (cty.Value, error) {
		b, err := base64.StdEncoding.DecodeString(a[0])
		if err != nil {
			return cty.NilVal, function.NewArgErrorf(0, "it is not base64: %s", err)
		}
		return utf8Value(b)
	}, "str")
}

func base64GzipFunction() function.Function {
	return stringFunction(cty.String, func(a []string) (cty.Value, error) {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		if _, err := w.Write([]byte(a[0])); err != nil {
			return cty.NilVal, err
		}
		if err := w.Flush(); err != nil { // as Terraform does: the same text gives the same bytes
			return cty.NilVal, err
		}
		if err := w.Close(); err != nil {
			return cty.NilVal, err
		}
		return cty.StringVal(base64.StdEncoding.EncodeToString(b.Bytes())), nil
	}, "str")
}

func base64GunzipFunction() function.Function {
	return stringFunction(cty.String, func(a []string) (cty.Value, error) {
		b, err := base64.StdEncoding.DecodeString(a[0])
		if err != nil {
			return cty.NilVal, function.NewArgErrorf(0, "it is not base64: %s", err)
		}
		r, err := gzip.NewReader(bytes.NewReader(b))
		if err != nil {
			return cty.NilVal, function.NewArgErrorf(0, "it is not compressed with gzip: %s", err)
		}
		plain, err := io.ReadAll(io.LimitReader(r, MaxFileBytes+1))
		switch {
		case err != nil:
			return cty.NilVal, function.NewArgErrorf(0, "it cannot be unpacked: %s", err)
		case len(plain) > MaxFileBytes:
			return cty.NilVal, function.NewArgErrorf(0, "unpacked it is larger than %d MiB", MaxFileBytes>>20)
		}
		return utf8Value(plain)
	}, "str")
}

func urlEncodeFunction() function.Function {
	return stringFunction(cty.String, func(a []string) (cty.Value, error) {
		return cty.StringVal(url.QueryEscape(a[0])), nil
	}, "str")
}

func urlDecodeFunction() function.Function {
	return stringFunction(cty.String, func(a []string) (cty.Value, error) {
		s, err := url.QueryUnescape(a[0])
		if err != nil {
			return cty.NilVal, function.NewArgErrorf(0, "it is not URL-encoded: %s", err)
		}
		return utf8Value([]byte(s))
	}, "str")
}

// utf8Value makes a string of bytes that must be text.
func utf8Value(b []byte) (cty.Value, error) {
	if !utf8.Valid(b) {
		return cty.NilVal, errors.New("the result is not UTF-8 text, which is all that a string can hold")
	}
	return cty.StringVal(string(b)), nil
}

// checkText makes a check of the first argument from a check of its text.
func checkText(check func(string) error) func([]cty.Value) error {
	return func(args []cty.Value) error {
		s, ok := text(args[0])
		if !ok {
			return nil
		}
		if err := check(s); err != nil {
			return function.NewArgError(0, err)
		}
		return nil
	}
}

func checkJSONText(s string) error {
	if d := CheckNesting([]byte(s), JSON, hcl.Range{}); d != nil {
		return fmt.Errorf("the JSON text is nested more than %d levels deep", maxNesting)
	}
	return nil
}
