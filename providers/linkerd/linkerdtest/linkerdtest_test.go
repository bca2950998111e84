package linkerdtest

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/providers"
)

// spy counts the failures that it is told of.
type spy struct {
	testing.TB
	failures int
}

func (s *spy) Errorf(string, ...any) { s.failures++ }
func (s *spy) Helper()               {}

// A search that finds nothing proves something only when it would find a planted key.
func TestSearchFindsPlantedKeys(t *testing.T) {
	key := []byte("-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIPlantedPlantedPlantedPlanted\n-----END EC PRIVATE KEY-----\n")
	for name, plant := range map[string]any{
		"value":                 cty.ObjectVal(map[string]cty.Value{"data": cty.StringVal(string(key))}),
		"marked value":          cty.StringVal(string(key)).Mark(schema.Sensitive),
		"private data, base64":  []byte(`{"k":"` + base64.StdEncoding.EncodeToString(key) + `"}`),
		"private data, escaped": []byte(`{"k":"` + strings.ReplaceAll(string(key), "\n", `\n`) + `"}`),
		"diagnostic":            hcl.Diagnostics{{Summary: "x", Detail: "the key " + strings.Split(string(key), "\n")[1]}},
		"progress":              providers.Progress{Message: string(key)},
	} {
		var l Log
		l.Add("nothing to see")
		s := &spy{TB: t}
		l.MustNotContain(s, "the key", key)
		if s.failures != 0 {
			t.Errorf("%s: found before it was planted", name)
		}
		l.Add(plant)
		l.MustNotContain(s, "the key", key)
		if s.failures != 1 {
			t.Errorf("%s: a planted key is not found", name)
		}
	}
}

func TestRecordedForgetsWhatIsSensitive(t *testing.T) {
	got := Recorded(cty.ObjectVal(map[string]cty.Value{"a": cty.StringVal("secret").Mark(schema.Sensitive), "b": cty.StringVal("public")}))
	want := cty.ObjectVal(map[string]cty.Value{"a": cty.NullVal(cty.String), "b": cty.StringVal("public")})
	if !got.RawEquals(want) {
		t.Errorf("Recorded() = %#v, want %#v", got, want)
	}
}
