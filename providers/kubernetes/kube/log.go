package kube

import (
	"context"
	"slices"
	"sync"

	"github.com/go-logr/logr/funcr"
	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/hcl/v2"
	"k8s.io/klog/v2"

	"github.com/meshplan/meshplan/internal/diag"
)

// klogOnce guards klog's logger, which belongs to the process: the first pool's logger gets it, and nothing reaches
// stderr.
var klogOnce sync.Once

// routeKlog sends what client-go logs to the logger.
func routeKlog(l hclog.Logger) {
	klogOnce.Do(func() {
		l := l.Named("client-go")
		klog.SetLogger(funcr.New(func(_, args string) { l.Debug(diag.Scrub(args)) }, funcr.Options{}))
	})
}

// warnings collects the API server's warning headers of one connection, and what is wrong with the server itself.
type warnings struct {
	mu   sync.Mutex      // guards seen
	seen map[string]bool // whether it is still to be shown
}

// HandleWarningHeaderWithContext implements rest.WarningHandlerWithContext.
func (w *warnings) HandleWarningHeaderWithContext(_ context.Context, code int, _ string, text string) {
	if code == 299 && text != "" {
		w.add("The API server says: " + diag.Scrub(text))
	}
}

// add notes a warning, to be shown once.
func (w *warnings) add(text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.seen == nil {
		w.seen = map[string]bool{}
	}
	if _, known := w.seen[text]; !known {
		w.seen[text] = true
	}
}

// take returns the warnings so far, sorted, and forgets that they were not yet shown.
func (w *warnings) take() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []string
	for text, fresh := range w.seen {
		if fresh {
			out = append(out, text)
			w.seen[text] = false
		}
	}
	slices.Sort(out)
	return out
}

// Warnings returns what the API server warned about since the last call (deprecated versions, unknown fields), each text
// once per run.
func (c *Cluster) Warnings() hcl.Diagnostics {
	var ds hcl.Diagnostics
	for _, text := range c.warnings.take() {
		ds = append(ds, diag.Warningf(CodeServerWarning, "Warning from the API server", "%s", text))
	}
	return ds
}
