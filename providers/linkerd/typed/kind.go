package typed

import (
	"context"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	kschema "k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/linkerd/env"
)

const (
	// CodeOldVersion: the cluster's CRD is too old for what is configured.
	CodeOldVersion diag.Code = "linkerd.policy.old-crd"
	// CodeNotAccepted: Linkerd does not put an object into force; the text gives its reason.
	CodeNotAccepted diag.Code = "linkerd.not-accepted"
)

// Kind is what tells the types apart. All functions are pure but Lint, which may read the cluster.
type Kind struct {
	kschema.GroupKind
	// Version is the one that is written, and assumed where the cluster does not serve the kind yet.
	Version string
	// Needs says that no older version will do, and why: the text goes on from "The cluster serves …, and".
	Needs string
	// Choose gives the kind that a value asks for, where that is the configuration's choice; nil means GroupKind and
	// Version.
	Choose func(v cty.Value) kschema.GroupVersionKind
	// Declare returns the schema. Its attributes include those of Common, or those of Borrowed for a Partial kind.
	Declare func() *schema.Resource
	// Partial says that the object belongs to others and only what Spec and Annotations give is ours.
	Partial bool
	// Spec builds the object's spec from a value that is known at SpecAttributes; nil means that there is none.
	Spec func(e env.Env, v cty.Value) map[string]any
	// Annotations are those that the value asks for; nil means none.
	Annotations func(v cty.Value) map[string]string
	// SpecAttributes are the attributes that Spec and Annotations read.
	SpecAttributes []string
	// Show puts what a live spec says into attributes; they hold the recorded values. nil leaves them.
	Show func(e env.Env, live map[string]any, attrs map[string]cty.Value)
	// ShowAnnotations does the same with live annotations.
	ShowAnnotations func(live map[string]string, attrs map[string]cty.Value)
	// Lint judges the planned object, which the World holds already; nil finds nothing.
	Lint func(ctx context.Context, v cty.Value) (hcl.Diagnostics, []string, error)
	// Looks says what rights Lint needs for a value, of which parts may be unknown; nil means none.
	Looks func(v cty.Value) []providers.Right
	// Risk says what holds while a replacement has deleted the old object and not made the new one: the plan warns of it. Empty
	// means nothing worth a word.
	Risk string
	// Place adds to the tags that all kinds have.
	Place func(v cty.Value, o *providers.Order)
	// Settled says whether the controller has put the object into force, or why it will not; nil does not wait.
	Settled func(live *unstructured.Unstructured) (done bool, refusal string)
	// Patience bounds the wait for Settled.
	Patience time.Duration
}

func (k Kind) choose(v cty.Value) kschema.GroupVersionKind {
	if k.Choose != nil {
		return k.Choose(v)
	}
	return k.WithVersion(k.Version)
}
