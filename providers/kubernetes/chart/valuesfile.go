package chart

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"helm.sh/helm/v4/pkg/chart/v2/loader"

	"github.com/meshplan/meshplan/internal/diag"
)

// readValuesFiles reads YAML files of values in the configuration directory and merges them in order. Diagnostics are
// about the attribute values_files.
func readValuesFiles(base string, names []string) (out Values, ds hcl.Diagnostics) {
	if len(names) == 0 {
		return nil, nil
	}
	if base == "" {
		base = "."
	}
	root, err := os.OpenRoot(base)
	if err != nil {
		return nil, at("values_files", diag.Errorf(CodeValues, "Configuration directory cannot be read", "%s.", scrub(err)))
	}
	defer root.Close()
	for i, name := range names {
		var values map[string]any
		b, err := readFile(root, filepath.FromSlash(name), maxFileBytes)
		if err == nil {
			values, err = loader.LoadValues(bytes.NewReader(b))
		}
		if err != nil {
			d := diag.Errorf(CodeValues, "Values file cannot be read", "The file %q: %s. Files are read from the configuration directory only.", name, scrub(err))
			ds = append(ds, diag.At(d, cty.GetAttrPath("values_files").IndexInt(i)))
			continue
		}
		out = out.Merge(values)
	}
	return out, ds
}

// ValuesFile reads a file of values that the chart itself brings beside its defaults, such as values-ha.yaml. It
// returns nil when the chart has none of that name.
func (c *Chart) ValuesFile(name string) (Values, error) {
	for _, f := range c.files {
		if f.Name != name {
			continue
		}
		values, err := loader.LoadValues(bytes.NewReader(f.Data))
		if err != nil {
			return nil, fmt.Errorf("%s: %s", name, scrub(err))
		}
		return Values{}.Merge(values), nil
	}
	return nil, nil
}
