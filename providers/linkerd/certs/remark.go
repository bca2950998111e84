package certs

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
	"github.com/meshplan/meshplan/providers/linkerd/certs/pki"
	"github.com/meshplan/meshplan/providers/linkerd/env"
)

// The reasons of events that the identity controller writes about its issuer.
const (
	eventUpdated = "IssuerUpdated"
	eventSkipped = "IssuerUpdateSkipped"
	eventInvalid = "IssuerValidationFailed"
)

// remark is what the identity controller said about its issuer, when first and last, and how often.
type remark struct {
	uid, reason, message string
	first, last          time.Time
	count                int64
	revision             uint64 // when it was written: times have no fractions of a second
}

// remarks lists what the identity controller said about its issuer as long as the cluster keeps it (an hour by default).
func remarks(ctx context.Context, c *kube.Cluster, namespace string) ([]remark, error) {
	list, err := c.List(ctx, schema.GroupVersionKind{Version: "v1", Kind: "Event"},
		kube.ListOptions{Namespace: namespace, Fields: "involvedObject.name=" + identityName})
	if err != nil {
		return nil, err
	}
	var out []remark
	for _, e := range list {
		r := remark{uid: string(e.GetUID()), count: 1, first: moment(e, "firstTimestamp"), last: moment(e, "lastTimestamp")}
		r.reason, _, _ = unstructured.NestedString(e.Object, "reason")
		r.message, _, _ = unstructured.NestedString(e.Object, "message")
		r.revision, _ = strconv.ParseUint(e.GetResourceVersion(), 10, 64)
		if n, found, _ := unstructured.NestedInt64(e.Object, "count"); found && n > 0 {
			r.count = n
		}
		if n, found, _ := unstructured.NestedInt64(e.Object, "series", "count"); found {
			r.count = max(r.count, n)
		}
		// Events of the newer API have a time of their own, and a series instead of a last one.
		if once := moment(e, "eventTime"); r.first.IsZero() {
			r.first = once
		}
		for _, t := range []time.Time{r.first, moment(e, "series", "lastObservedTime")} {
			if t.After(r.last) {
				r.last = t
			}
		}
		switch r.reason {
		case eventUpdated, eventSkipped, eventInvalid:
			out = append(out, r)
		}
	}
	return out, nil
}

// moment reads a time of an event; zero when there is none.
func moment(e *unstructured.Unstructured, fields ...string) time.Time {
	text, _, _ := unstructured.NestedString(e.Object, fields...)
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return time.Time{}
	}
	return t
}

func identityPods(ctx context.Context, c *kube.Cluster, namespace string) ([]*unstructured.Unstructured, error) {
	return c.List(ctx, podGVK(), kube.ListOptions{Namespace: namespace, Labels: labelComponent + "=identity"})
}

// refusal finds out whether the identity controller refuses what is in the issuer's Secret, and says until when proxies
// live on what they have. What it accepted since, or what a pod that started since has read anew, is a refusal no more.
func refusal(said []remark, pods []*unstructured.Unstructured, lifetime time.Duration) []pki.Finding {
	if len(said) == 0 {
		return nil
	}
	last := slices.MaxFunc(said, func(a, b remark) int { return cmp.Or(a.last.Compare(b.last), cmp.Compare(a.revision, b.revision)) })
	if last.reason == eventUpdated || !slices.ContainsFunc(pods, func(p *unstructured.Unstructured) bool { return !p.GetCreationTimestamp().After(last.last) }) {
		return nil
	}
	at := func(t time.Time) string { return t.UTC().Format(time.RFC3339) }
	detail := fmt.Sprintf("The identity controller refuses the issuer since %s (%s: %s). It signs with the former one until that ends or its pod restarts; from then on no proxy gets a certificate, and the last ones end within %s.",
		at(last.first), last.reason, diag.Scrub(last.message), lifetime)
	if last.reason == eventInvalid {
		detail = fmt.Sprintf("The identity controller signs nothing since %s (%s: %s). New pods get no certificate, and those of running proxies end by %s.",
			at(last.first), last.reason, diag.Scrub(last.message), at(last.first.Add(lifetime)))
	}
	return []pki.Finding{{Code: CodeIssuerRefused, Detail: detail + " Put an issuer there that the trust anchors have signed, for instance with rotate of linkerd_identity_issuer."}}
}

// refusal asks the cluster for what the controller said. Who may not read it does not know, and that is a warning.
func (i *inventory) refusal() []pki.Finding {
	said, err := remarks(i.ctx, i.cluster, i.env.Namespace())
	if err != nil {
		return i.unread("list", kube.Ref{Version: "v1", Kind: "Event", Namespace: i.env.Namespace()}, err)
	}
	if len(said) == 0 {
		return nil
	}
	pods, err := identityPods(i.ctx, i.cluster, i.env.Namespace())
	if err != nil {
		return i.unread("list", kube.Ref{Version: "v1", Kind: "Pod", Namespace: i.env.Namespace()}, err)
	}
	return refusal(said, pods, i.leafLifetime())
}

// leafLifetime is how long a proxy's certificate lives: what the control plane was installed with, a day by default.
func (i *inventory) leafLifetime() time.Duration {
	const published = 24 * time.Hour
	u, _, ds := get(i.ctx, i.cluster, i.env.ConfigRef())
	i.ds = append(i.ds, ds...)
	config, _ := env.ParseConfig(u) // that it is broken is what a check says
	if config == nil {
		return published
	}
	if d, err := time.ParseDuration(config.Identity.Issuer.IssuanceLifetime); err == nil {
		return d
	}
	return published
}

func (i *inventory) unread(verb string, r kube.Ref, err error) []pki.Finding {
	if !apierrors.IsForbidden(err) {
		i.ds = append(i.ds, i.cluster.Diagnose(err, verb, r)...)
		return nil
	}
	return []pki.Finding{{Code: CodeUnreadable, Warning: true, Detail: fmt.Sprintf("These credentials may not %s %ss in %s, so what the identity controller says of its issuer is not known.", verb, r.Kind, r.Namespace)}}
}
