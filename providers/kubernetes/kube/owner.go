package kube

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/meshplan/meshplan/providers"
)

// The marks on objects that we own: the label selects, the annotation says exactly whose it is.
const (
	// FieldManager is our name in managedFields for whole objects.
	FieldManager = "meshplan"
	// LabelState is a short digest of the lineage of the state that owns the object.
	LabelState = "meshplan.dev/state"
	// AnnotationOwner is "lineage/address".
	AnnotationOwner = "meshplan.dev/owner"
	// AnnotationRestart holds the token of the last restart in a pod template.
	AnnotationRestart = "meshplan.dev/restart"
)

// StateLabel returns the value of LabelState for a lineage.
func StateLabel(lineage string) string {
	sum := sha256.Sum256([]byte(lineage))
	return hex.EncodeToString(sum[:6])
}

// OwnerMark returns the value of AnnotationOwner.
func OwnerMark(o providers.Owner) string { return o.Lineage + "/" + o.Address.String() }

// InstanceManager returns a field manager for one resource instance, for types that share objects with others.
func InstanceManager(o providers.Owner) string {
	sum := sha256.Sum256([]byte(o.Lineage + "\x00" + o.Address.String()))
	return FieldManager + "-" + hex.EncodeToString(sum[:6])
}

// mark puts the ownership marks on an object.
func mark(u *unstructured.Unstructured, o providers.Owner) {
	labels := u.GetLabels()
	if labels == nil {
		labels = map[string]string{}
	}
	labels[LabelState] = StateLabel(o.Lineage)
	u.SetLabels(labels)
	annotations := u.GetAnnotations()
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations[AnnotationOwner] = OwnerMark(o)
	u.SetAnnotations(annotations)
}

// ownership says whose an object is.
type ownership uint8

const (
	unowned   ownership = iota + 1 // nobody's that we know
	ours                           // this instance's
	sibling                        // another address of the same state
	foreigner                      // another state's
)

// ownershipOf reads the mark.
func ownershipOf(annotations map[string]string, o providers.Owner) (ownership, string) {
	mark := annotations[AnnotationOwner]
	switch {
	case mark == "":
		return unowned, ""
	case mark == OwnerMark(o), !o.Former.IsZero() && mark == OwnerMark(providers.Owner{Lineage: o.Lineage, Address: o.Former}):
		return ours, mark
	case strings.HasPrefix(mark, o.Lineage+"/"):
		return sibling, strings.TrimPrefix(mark, o.Lineage+"/")
	}
	return foreigner, mark
}

// Digest is the keyed fingerprint of a value in JSON terms, so that nobody can guess short secrets from it.
func Digest(key []byte, v any) string {
	text, err := json.Marshal(v) // sorts keys
	if err != nil {
		panic(err) // only values that came from JSON get here
	}
	mac := hmac.New(sha256.New, key)
	mac.Write(text)
	return hex.EncodeToString(mac.Sum(nil)[:16])
}
