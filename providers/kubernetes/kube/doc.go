// Package kube is what every resource type that lives in a Kubernetes cluster is built on: one lazily connected Cluster
// per connection, and object sets, which plan, apply, read and delete the objects of one resource instance.
//
// The central idea: an object is compared only where we own it. What we wrote is remembered as a small Record (UID,
// resource version, digest of the desired object, digest of our entry in managedFields); while those stand, an object
// needs no request. A change is shown by the API server itself, through a server-side apply that is not persisted. So
// defaulting, webhooks, controllers and autoscalers never show up in a plan.
//
// The pieces:
//
//	Pool ── Cluster per connection ── World: what this run plans but has not made yet
//	                │
//	  PlanSet ── ApplySet ── ReadSets ── DeleteSet        objects of one owner
//	  WaitReady, WaitGone, RestartWorkload, Pods          proof that the cluster did it
//
// Values: FromValue and ToValue convert between cty and unstructured objects. Secrets: records hold keyed digests
// only and no diagnostic quotes a value of a Secret.
//
// Everything is safe for concurrent use unless its comment says otherwise.
package kube
