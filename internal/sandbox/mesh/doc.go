// Package mesh stands in for the processes of a Linkerd installation in a cluster whose pods do not run. It is test
// equipment: a small second implementation of what Linkerd's pods can be observed to do from outside, so that a plan
// engine's rollouts, gates and rollbacks meet the same answers as in a real cluster.
//
// Who answers is decided by the cluster's objects, not by this package's being there: a stand-in speaks only through
// the address of a Ready pod of the component it stands in for. With the injector scaled to zero its webhook fails,
// with a wrong caBundle TLS fails, and with a broken issuer new proxies stay unready.
//
//	component (label linkerd.io/control-plane-component)  port  stands for
//	proxy-injector                                        8443  the mutating webhook
//	destination                                           8443  the ServiceProfile validator
//	destination                                           9443  the policy validator
//	identity                                              9990  issuer_cert_ttl_seconds
//	any pod with a container linkerd-proxy                4191  the proxy's admin server, plain or TLS
//
// Of the extension viz (labels linkerd.io/extension=viz and component):
//
//	tap                                                   8089  the aggregated API tap.linkerd.io, its discovery alone
//	tap-injector                                          8443  the mutating webhook that makes proxies ready for tap
//
// Beside answering they act: identity writes events when the issuer Secret changes, the policy controller writes the
// status of routes, and proxies carry the traffic that ConfigMaps named mesh-traffic describe (see traffic.go).
//
// What differs from the real thing: changed Secrets and ConfigMaps are seen at once rather than after the kubelet's
// next sync, a stand-in never crashes, and traffic is counted rather than sent.
package mesh
