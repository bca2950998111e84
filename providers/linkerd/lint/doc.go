// Package lint judges manifests of Linkerd that are written as they are, without the types of this provider: objects of
// kubernetes_manifest and of charts.
//
// The central idea: what Linkerd silently ignores, or does otherwise than the text suggests, can be seen in the object
// itself. Each finding names the field, what Linkerd makes of it, and what to write instead. Findings need no cluster, so
// that `plan --offline` has them too.
package lint
