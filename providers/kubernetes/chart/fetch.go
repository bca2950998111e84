package chart

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"oras.land/oras-go/v2/registry/remote/retry"

	"github.com/meshplan/meshplan/internal/diag"
)

// maxIndexBytes bounds the index of a repository.
const maxIndexBytes = 64 << 20

// fetchTimeout bounds one request, its answer's body included.
const fetchTimeout = 2 * time.Minute

// located is a chart that a repository has.
type located struct {
	version string
	url     string // of the packaged chart, or the reference of an image in a registry
	digest  string // as the repository states it; empty when it does not
}

// Unfetched lets a plan without the network go on when its only fault is that a chart would have to be fetched: the error
// becomes a warning and the chart is nil, as if its source were not known yet.
func Unfetched(c *Chart, ds hcl.Diagnostics) (*Chart, hcl.Diagnostics) {
	if !ds.HasErrors() {
		return c, ds
	}
	out := hcl.Diagnostics{}
	for _, d := range ds {
		if d.Severity == hcl.DiagError && diag.CodeOf(d) != CodeFetch {
			return c, ds
		}
		soft := *d
		soft.Severity = hcl.DiagWarning
		soft.Detail += " The objects of the chart are not part of this plan."
		out = append(out, &soft)
	}
	return nil, out
}

// fetch returns the packaged chart that src means, from the cache when it holds it.
func fetch(ctx context.Context, src Source, o LoadOptions) ([]byte, hcl.Diagnostics) {
	store := cache{dir: o.CacheDir}
	if b, ok := store.get(src.Digest); ok {
		return b, nil
	}
	if o.Offline {
		why := "Set digest to the digest of the chart and plan once with the network."
		if src.Digest != "" {
			why = "Plan once with the network, so that the chart is in the cache."
		}
		return nil, at("repository", diag.Errorf(CodeFetch, "Chart needs the network", "The chart %s is not in the cache, and the network must not be used. %s", src, why))
	}
	client := newClient(ctx)
	if u, err := url.Parse(src.Repository); err == nil && src.Username != "" && !src.oci() {
		client.Transport = &login{next: client.Transport, at: u, source: src}
	}
	var found located
	var d *hcl.Diagnostic
	if src.oci() {
		found, d = resolveImage(client, src)
	} else {
		found, d = resolveIndex(ctx, client, src)
	}
	if d != nil {
		return nil, hcl.Diagnostics{d}
	}
	if src.Digest != "" && found.digest != "" && found.digest != src.Digest {
		return nil, hcl.Diagnostics{digestMismatch(src, found.digest)}
	}
	if b, ok := store.get(found.digest); ok {
		return b, nil
	}
	var b []byte
	var err error
	if src.oci() {
		b, err = pull(client, found.url, src)
	} else {
		b, err = download(ctx, client, found.url, maxPackedBytes)
	}
	if err != nil {
		return nil, at("repository", fetchFailed(src, err))
	}
	if got := sum(b); found.digest != "" && got != found.digest {
		return nil, at("repository", diag.Errorf(CodeDigest, "Chart does not match its repository",
			"The index of %s promises the digest %s for %s %s, but the download has %s. The repository is inconsistent or somebody has replaced the chart.",
			redact(src.Repository), found.digest, src.Name, found.version, got))
	}
	store.put(b)
	return b, nil
}

func at(attribute string, d *hcl.Diagnostic) hcl.Diagnostics {
	return hcl.Diagnostics{diag.At(d, cty.GetAttrPath(attribute))}
}

func fetchFailed(src Source, err error) *hcl.Diagnostic {
	return diag.Errorf(CodeFetch, "Chart cannot be fetched", "Reading %s failed: %s. Check the URL, the network and the credentials.", src, scrub(err))
}

// newClient returns a client whose requests end with ctx, are repeated when the server is busy, and whose answers are
// bounded. Helm's registry client takes no context of its own.
func newClient(ctx context.Context) *http.Client {
	base := retry.NewTransport(http.DefaultTransport)
	return &http.Client{Transport: &boundedTransport{ctx: ctx, next: base}, Timeout: fetchTimeout}
}

// login adds the credentials of a source to requests to its own host. An index may send readers elsewhere, and so may
// a redirection.
type login struct {
	next   http.RoundTripper
	at     *url.URL
	source Source
}

// RoundTrip implements http.RoundTripper.
func (l *login) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Host == l.at.Host && r.URL.Scheme == l.at.Scheme {
		r = r.Clone(r.Context())
		r.SetBasicAuth(l.source.Username, l.source.Password)
	}
	return l.next.RoundTrip(r)
}

type boundedTransport struct {
	ctx  context.Context
	next http.RoundTripper
}

func (t *boundedTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancel(req.Context())
	stop := context.AfterFunc(t.ctx, cancel)
	resp, err := t.next.RoundTrip(req.WithContext(ctx))
	if err != nil {
		stop()
		cancel()
		if t.ctx.Err() != nil {
			err = context.Cause(t.ctx)
		}
		return nil, err
	}
	resp.Body = &boundedBody{ReadCloser: resp.Body, left: maxIndexBytes + 1, done: func() { stop(); cancel() }}
	return resp, nil
}

// boundedBody fails when the answer is larger than anything this package asks for.
type boundedBody struct {
	io.ReadCloser
	left int64
	done func()
}

func (b *boundedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p[:min(int64(len(p)), max(b.left, 1))])
	if b.left -= int64(n); b.left < 0 {
		return 0, fmt.Errorf("the answer is larger than %d bytes", maxIndexBytes)
	}
	return n, err
}

func (b *boundedBody) Close() error {
	defer b.done()
	return b.ReadCloser.Close()
}

// download gets the body of a URL.
func download(ctx context.Context, client *http.Client, target string, limit int64) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", "meshplan")
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answered %s", redact(target), resp.Status)
	}
	b, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	if err == nil && int64(len(b)) > limit {
		err = fmt.Errorf("%s is larger than %d bytes", redact(target), limit)
	}
	return b, err
}

// absolute resolves a reference against the URL of a repository. Credentials in the repository's URL are kept on the
// same host only.
func absolute(repository, reference string) (string, error) {
	base, err := url.Parse(strings.TrimSuffix(repository, "/") + "/")
	if err != nil {
		return "", err
	}
	ref, err := url.Parse(reference)
	if err != nil {
		return "", err
	}
	out := base.ResolveReference(ref)
	if out.Scheme != "http" && out.Scheme != "https" {
		return "", fmt.Errorf("the repository refers to a chart by %q, which is not supported", out.Scheme)
	}
	if out.User == nil && out.Host == base.Host && out.Scheme == base.Scheme {
		out.User = base.User
	}
	return out.String(), nil
}
