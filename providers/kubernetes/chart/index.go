package chart

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/Masterminds/semver/v3"
	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"sigs.k8s.io/yaml"

	"github.com/meshplan/meshplan/internal/diag"
)

// index is the part of a repository's index.yaml that finding a chart needs.
type index struct {
	Entries map[string][]indexEntry `json:"entries"`
}

type indexEntry struct {
	Version string   `json:"version"`
	URLs    []string `json:"urls"`
	Digest  string   `json:"digest"` // 64 hexadecimal digits, sometimes with "sha256:" in front
}

// resolveIndex finds a chart in a repository that is served as files.
func resolveIndex(ctx context.Context, client *http.Client, src Source) (located, *hcl.Diagnostic) {
	fail := func(attribute string, d *hcl.Diagnostic) (located, *hcl.Diagnostic) {
		return located{}, diag.At(d, cty.GetAttrPath(attribute))
	}
	target, err := absolute(src.Repository, "index.yaml")
	if err != nil {
		return fail("repository", fetchFailed(src, err))
	}
	b, err := download(ctx, client, target, maxIndexBytes)
	if err != nil {
		return fail("repository", fetchFailed(src, err))
	}
	var idx index
	if err := yaml.Unmarshal(b, &idx); err != nil || idx.Entries == nil {
		return fail("repository", diag.Errorf(CodeFetch, "Not a chart repository",
			"%s is not the index of a chart repository. Check the URL; a registry's URL begins with oci://.", redact(target)))
	}
	entries, ok := idx.Entries[src.Name]
	if !ok {
		names := make([]string, 0, len(idx.Entries))
		for name := range idx.Entries {
			names = append(names, name)
		}
		return fail("chart", diag.Errorf(CodeNotFound, "Chart not found", "The repository %s has no chart %q.%s", redact(src.Repository), src.Name, diag.Suggest(src.Name, names)))
	}
	versions := make([]string, len(entries))
	for i, e := range entries {
		versions[i] = e.Version
	}
	version, newest, err := pick(versions, src.Version)
	if err != nil {
		return fail("version", diag.Errorf(CodeNotFound, "Chart version not found", "%s of the chart %q in %s: %s. The newest version is %s.",
			src.Version, src.Name, redact(src.Repository), err, newest))
	}
	e := entries[slices.IndexFunc(entries, func(e indexEntry) bool { return e.Version == version })]
	if len(e.URLs) == 0 {
		return fail("repository", diag.Errorf(CodeFetch, "Chart cannot be fetched", "The index of %s lists %s %s without a URL.", redact(src.Repository), src.Name, version))
	}
	found := located{version: version}
	if found.url, err = absolute(src.Repository, e.URLs[0]); err != nil {
		return fail("repository", fetchFailed(src, err))
	}
	if e.Digest != "" {
		found.digest = "sha256:" + strings.TrimPrefix(strings.ToLower(e.Digest), "sha256:")
	}
	return found, nil
}

// pick returns the version that want means: the very same one, or the newest that satisfies it as a range. It also
// returns the newest of all that is no pre-release, for messages.
func pick(versions []string, want string) (version, newest string, err error) {
	var best, top *semver.Version
	ranges, rangeErr := semver.NewConstraint(want)
	for _, s := range versions {
		if s == want {
			version = s
		}
		v, err := semver.NewVersion(s)
		if err != nil {
			continue
		}
		if v.Prerelease() == "" && (top == nil || v.GreaterThan(top)) {
			top, newest = v, s
		}
		if version != s && rangeErr == nil && ranges.Check(v) && (best == nil || v.GreaterThan(best)) {
			best = v
		}
	}
	if newest == "" {
		newest = "a pre-release"
	}
	switch {
	case version != "":
		return version, newest, nil
	case rangeErr != nil:
		return "", newest, fmt.Errorf("there is no such version, and it is not a range")
	case best == nil:
		return "", newest, fmt.Errorf("no version matches")
	}
	return best.Original(), newest, nil
}
