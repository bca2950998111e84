package chart

import (
	"net/http"
	"net/url"
	"path"
	"strings"

	"github.com/Masterminds/semver/v3"
	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"helm.sh/helm/v4/pkg/registry"

	"github.com/meshplan/meshplan/internal/diag"
)

// resolveImage finds a chart in an OCI registry. The digest of the packaged chart is known only after pulling it.
func resolveImage(client *http.Client, src Source) (located, *hcl.Diagnostic) {
	repository := path.Join(strings.TrimPrefix(src.Repository, ociPrefix), src.Name)
	if _, err := semver.NewVersion(src.Version); err == nil {
		return located{version: src.Version, url: repository + ":" + tagOf(src.Version)}, nil
	}
	c, err := registryClient(client, repository, src)
	if err != nil {
		return located{}, diag.At(fetchFailed(src, err), cty.GetAttrPath("repository"))
	}
	tags, err := c.Tags(repository)
	if err != nil {
		return located{}, diag.At(fetchFailed(src, err), cty.GetAttrPath("repository"))
	}
	version, newest, err := pick(tags, src.Version)
	if err != nil {
		return located{}, diag.At(diag.Errorf(CodeNotFound, "Chart version not found", "%s of the chart %q in %s: %s. The newest version is %s.",
			src.Version, src.Name, redact(src.Repository), err, newest), cty.GetAttrPath("version"))
	}
	return located{version: version, url: repository + ":" + tagOf(version)}, nil
}

// tagOf returns the tag of a version: tags cannot hold the plus sign of build metadata.
func tagOf(version string) string { return strings.ReplaceAll(version, "+", "_") }

// pull gets the packaged chart out of an image. Layers are verified against the manifest by the client.
func pull(client *http.Client, ref string, src Source) ([]byte, error) {
	c, err := registryClient(client, ref, src)
	if err != nil {
		return nil, err
	}
	var result *registry.PullResult
	quietly(func() { result, err = c.Pull(ref) })
	if err != nil {
		return nil, err
	}
	return result.Chart.Data, nil
}

// registryClient logs in as the source says, or with the credentials of `helm registry login` and `docker login`. Registries on this machine are read
// without TLS, as container runtimes do.
func registryClient(client *http.Client, ref string, src Source) (*registry.Client, error) {
	options := []registry.ClientOption{registry.ClientOptHTTPClient(client)}
	if u, err := url.Parse(ociPrefix + ref); err == nil && loopback(u.Host) {
		options = append(options, registry.ClientOptPlainHTTP())
	}
	if src.Username != "" {
		options = append(options, registry.ClientOptBasicAuth(src.Username, src.Password))
	}
	return registry.NewClient(options...)
}
