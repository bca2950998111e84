package chart

import (
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/diag"
)

// Source says where a chart comes from: either Path, or Repository with Name and Version. The zero value is invalid.
type Source struct {
	// Path is a chart directory or a packaged chart, relative to the configuration directory and inside it.
	Path string
	// Repository is a chart repository (https://…, http://…) or a registry (oci://…).
	Repository string
	// Name is the chart's name in the repository.
	Name string
	// Version is a version of the chart, or a range such as "~1.4" of which the newest match is taken.
	Version string
	// Digest is the SHA-256 of the packaged chart as "sha256:" and 64 hexadecimal digits; empty accepts any. For a
	// directory it is the digest that Chart.Digest reports.
	Digest string
	// Username and Password log in to the repository, and are sent nowhere else. Empty leaves it to what the URL holds,
	// and for registries to what `helm registry login` and `docker login` know.
	Username, Password string
}

const ociPrefix = "oci://"

// String names the source for messages, without credentials.
func (s Source) String() string {
	if s.Repository == "" {
		return fmt.Sprintf("%q", s.Path)
	}
	return strings.TrimSpace(fmt.Sprintf("%s %s from %s", s.Name, s.Version, redact(s.Repository)))
}

// redact hides a password in a URL.
func redact(raw string) string {
	if u, err := url.Parse(raw); err == nil {
		return u.Redacted()
	}
	return raw
}

func (s Source) oci() bool { return strings.HasPrefix(s.Repository, ociPrefix) }

// validate checks what needs no I/O. Its findings carry the attribute of the resource types that hold a source.
func (s Source) validate() (ds hcl.Diagnostics) {
	report := func(attribute, format string, args ...any) {
		ds = append(ds, diag.At(diag.Errorf(CodeSource, "Invalid chart source", format, args...), cty.GetAttrPath(attribute)))
	}
	switch {
	case s.Path == "" && s.Repository == "":
		report("path", "A chart needs a place to come from: set path to a chart in the configuration directory, or repository, chart and version.")
		return ds
	case s.Path != "" && s.Repository != "":
		report("path", "Both path and repository are set. Remove one of them.")
		return ds
	}
	if s.Digest != "" && !wellFormedDigest(s.Digest) {
		report("digest", "%q is not a digest. It must be \"sha256:\" and 64 hexadecimal digits in lower case.", s.Digest)
	}
	if s.Path != "" {
		return ds
	}
	if (s.Username == "") != (s.Password == "") {
		report("username", "A login needs both username and password.")
	}
	u, err := url.Parse(s.Repository)
	switch {
	case err != nil || u.Host == "":
		report("repository", "%q is not the URL of a chart repository. Write https://host/path or oci://host/path.", redact(s.Repository))
	case u.Scheme != "https" && u.Scheme != "http" && u.Scheme != "oci":
		report("repository", "Repositories are read by https, http or oci, not by %q.", u.Scheme)
	}
	if s.Name == "" {
		report("chart", "The name of the chart in %s is missing. Set chart.", redact(s.Repository))
	}
	if s.Version == "" {
		report("version", "The version of %q is missing. Without it, a plan would change when the repository does. Set version.", s.Name)
	}
	return ds
}

func wellFormedDigest(s string) bool {
	return regexp.MustCompile(`^sha256:[0-9a-f]{64}$`).MatchString(s)
}

// loopback reports whether host, with or without a port, is this machine.
func loopback(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
