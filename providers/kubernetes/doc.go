// Package kubernetes is the provider of Kubernetes objects: whole objects by server-side apply, metadata of objects
// that others own, rolling restarts, and data sources that read the cluster.
//
// The central idea: a resource type here is only a way to write down an object. Its value becomes a desired object,
// and everything else (diff, ownership, conflicts, readiness, deletion) is what package kube does for all of them. So
// the types differ in their schema and in two functions: from the configured value to the object, and from the live
// object back.
//
// Caveat: a value holds what was configured, not what the server made of it. Defaults, webhooks and status show up in
// the data source kubernetes_object only; that is why a plan of an unchanged world is empty.
package kubernetes
