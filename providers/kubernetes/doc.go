// Package kubernetes is the provider of Kubernetes objects: whole objects by server-side apply, metadata of objects
// that others own, rolling restarts, and data sources that read the cluster.
//
// The central idea: a resource type here is only a way to write down an object. Its value becomes a desired object,
// and everything else (diff, ownership, conflicts, readiness, deletion) is what package kube does for all of them. So
// the types differ in their schema and in two functions: from the configured value to the object, and from the live
// object back.
//
// Where what is decided (all of it in package kube):
//
//	question                                        decided by                                      in
//	which objects changed at all                    metadata LISTs: resource version, digest of     read.go, compare.go
//	                                                our entry in managedFields
//	what a change is                                a server-side apply that is not persisted,      live.go, effect.go
//	                                                at the fields that we own before or after
//	what it is without the right to write           managedFields and what is recorded              predict.go
//	whose an object is                              the owner annotation                            owner.go, live.go
//	who else sets a field                           the server's conflicts; people's edits of our   conflict.go
//	                                                objects are drift, controllers' are conflicts
//	whose a field is that others set as well        the longest path of field_conflicts that leads  fieldpolicy.go
//	                                                to it, then conflicts; a field left to others
//	                                                keeps its value until they set it
//	what an adopted or imported object leaves       the entry of the tool that made it              rewrite.go
//	behind
//	ownership the server cannot read, or shared     managedFields are rewritten, guarded by the     rewrite.go
//	list elements                                   resource version
//	whether a field can be changed in place         the server's refusal and a second probe         immutable.go
//	what cannot be asked yet                        the objects, namespaces and kinds that the      world.go, validate.go
//	                                                run plans; the planned schema
//	whether the approved change still fits          the UID, the resource version, and a digest     write.go
//	                                                of the change
//	what comes first                                ranks inside a set, tags between resources      rank.go, ../order.go
//	whether it is ready                             kstatus and what it does not know, from one     ready.go, rollout.go,
//	                                                watch per kind and namespace                    stream.go
//	whether it is gone                              the UID; finalizers and conditions say why not  delete.go
//	whether its pods go first                       what is deleted after it, here or in the run    delete.go
//	what a chart generates                          two more renderings find it, the live objects   ../chart/generated.go
//	                                                keep it
//	what somebody would have written                managedFields, kubectl's note, probes           aswritten.go
//	how many requests at once, and which again      429 halves, resets are repeated                 flow.go, retry.go
//	which cluster, and as whom                      the kubeconfig, never named by configuration    connection.go, cluster.go
//
// Caveat: a value holds what was configured, not what the server made of it. Defaults, webhooks and status show up in
// the data source kubernetes_object only; that is why a plan of an unchanged world is empty.
package kubernetes
