// Package pki makes and judges the certificates of a Linkerd mesh: trust anchors, identity issuers and the serving
// certificates of admission webhooks. It is pure: no clock, no cluster, no file.
//
// The central idea: what Linkerd requires of a certificate is written once, as checks that return coded findings, and
// the makers are held to the same checks by tests. A private key exists only inside a KeyPair, which every formatting
// verb prints as its subject; KeyPair.KeyPEM and KeyPair.KeyPEM8 are the only ways out, and only the writer of a
// cluster Secret calls them.
//
// A chain is anchor (root) -> issuer (intermediate, in the cluster) -> proxy leaf (24 hours, made by the identity
// controller, never by this package).
package pki
