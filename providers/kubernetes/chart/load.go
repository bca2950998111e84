package chart

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"helm.sh/helm/v4/pkg/chart/loader/archive"
	v2 "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/chart/v2/loader"

	"github.com/meshplan/meshplan/internal/diag"
)

// LoadOptions says where Load may look. The zero value reads paths from the working directory and caches downloads in
// the user's cache directory.
type LoadOptions struct {
	// BaseDir is the configuration directory. Nothing outside of it is read.
	BaseDir string
	// CacheDir keeps downloaded charts by digest; empty means meshplan/charts in the user's cache directory.
	CacheDir string
	// Offline forbids the network: only paths, and cached charts whose digest is given, can be loaded.
	Offline bool
}

// Chart is a loaded chart. It is immutable and safe for concurrent use.
type Chart struct {
	source Source
	// files are the chart's content. Helm's data structure is built anew for every rendering, because rendering
	// modifies it.
	files    []*archive.BufferedFile
	metadata *v2.Metadata
	digest   string
}

// Name returns the name in Chart.yaml.
func (c *Chart) Name() string { return c.metadata.Name }

// Version returns the version of the chart.
func (c *Chart) Version() string { return c.metadata.Version }

// AppVersion returns the version of what the chart installs; many charts do not say.
func (c *Chart) AppVersion() string { return c.metadata.AppVersion }

// Digest returns "sha256:" and the digest of the packaged chart, or of the names and contents of a directory's files.
func (c *Chart) Digest() string { return c.digest }

// Load finds, fetches and parses a chart. It never writes outside the cache directory. Diagnostics carry the attribute
// (path, repository, chart, version, digest) which they are about; without errors the chart is not nil.
func Load(ctx context.Context, src Source, o LoadOptions) (*Chart, hcl.Diagnostics) {
	if ds := src.validate(); ds.HasErrors() {
		return nil, ds
	}
	var packed []byte
	var files []*archive.BufferedFile
	var ds hcl.Diagnostics
	if src.Path != "" {
		files, packed, ds = readPath(ctx, src.Path, o.BaseDir)
	} else {
		packed, ds = fetch(ctx, src, o)
	}
	if ds.HasErrors() {
		return nil, ds
	}
	at := "path"
	if src.Repository != "" {
		at = "chart"
	}
	digest := treeDigest(files)
	if packed != nil {
		var err error
		digest = sum(packed)
		if files, err = archive.LoadArchiveFiles(bytes.NewReader(packed)); err != nil {
			return nil, append(ds, diag.At(diag.Errorf(CodeInvalid, "Invalid chart", "%s is not a packaged chart: %s.", src, scrub(err)), cty.GetAttrPath(at)))
		}
	}
	if src.Digest != "" && src.Digest != digest {
		return nil, append(ds, digestMismatch(src, digest))
	}
	c := &Chart{source: src, files: files, digest: digest}
	parsed, err := c.parse()
	if err != nil {
		return nil, append(ds, diag.At(diag.Errorf(CodeInvalid, "Invalid chart", "%s is not a valid chart: %s.", src, scrub(err)), cty.GetAttrPath(at)))
	}
	c.metadata = parsed.Metadata
	return c, append(ds, c.check(parsed, at)...)
}

// parse builds Helm's data structure, which belongs to the caller.
func (c *Chart) parse() (parsed *v2.Chart, err error) {
	quietly(func() { parsed, err = loader.LoadFiles(c.files) })
	return parsed, err
}

// check reports what makes a well-formed chart unusable.
func (c *Chart) check(parsed *v2.Chart, at string) (ds hcl.Diagnostics) {
	if c.metadata.Type == "library" {
		ds = append(ds, diag.At(diag.Errorf(CodeInvalid, "Library chart", "The chart %q is a library for other charts and renders nothing.", c.Name()), cty.GetAttrPath(at)))
	}
	if c.metadata.Deprecated {
		ds = append(ds, diag.At(diag.Warningf(CodeInvalid, "Deprecated chart", "Its authors have deprecated the chart %q.", c.Name()), cty.GetAttrPath(at)))
	}
	var missing []string
	for _, want := range c.metadata.Dependencies {
		found := slices.ContainsFunc(parsed.Dependencies(), func(d *v2.Chart) bool { return d.Name() == want.Name })
		if !found {
			missing = append(missing, want.Name)
		}
	}
	if len(missing) > 0 {
		ds = append(ds, diag.At(diag.Errorf(CodeInvalid, "Chart lacks its dependencies",
			"The chart %q depends on %s, which its charts directory does not hold. Run `helm dependency build` on the chart, or use a packaged chart.",
			c.Name(), strings.Join(missing, ", ")), cty.GetAttrPath(at)))
	}
	return ds
}

func digestMismatch(src Source, got string) *hcl.Diagnostic {
	return diag.At(diag.Errorf(CodeDigest, "Chart has another digest",
		"The chart %s has the digest %s, but %s is required. Somebody has replaced it, or the digest belongs to another version; when the new chart is wanted, change digest.",
		src, got, src.Digest), cty.GetAttrPath("digest"))
}

// sum returns the digest of a packaged chart.
func sum(b []byte) string {
	h := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(h[:])
}

// treeDigest returns the digest of a chart directory: of each file, in order of name, the lengths and bytes of name and
// content. Times and modes do not count.
func treeDigest(files []*archive.BufferedFile) string {
	sorted := slices.Clone(files)
	slices.SortFunc(sorted, func(a, b *archive.BufferedFile) int { return strings.Compare(a.Name, b.Name) })
	h := sha256.New()
	for _, f := range sorted {
		fmt.Fprintf(h, "%d %s %d ", len(f.Name), f.Name, len(f.Data))
		h.Write(f.Data)
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}

// scrub returns the text of an error from a chart, safe to print and without a full stop.
func scrub(err error) string {
	return strings.TrimRight(diag.Scrub(strings.TrimSpace(err.Error())), ".")
}
