// Package certs manages the certificates that a Linkerd mesh rests on: linkerd_trust_anchor, linkerd_identity_issuer and
// data linkerd_certificates.
//
// The central idea: a private key is born in Apply, goes into one Secret of the cluster and is never returned from
// there. Values, Private, progress and diagnostics hold public certificates, fingerprints and dates. What was made is
// recognised after a kill by the owner's mark on the Secret and by the certificate's fingerprint, so a step that is
// applied again goes on with the key that exists.
//
// Rotation never cuts a connection. An issuer is swapped in place once everything that runs trusts the anchor above
// it. A new anchor joins the bundle first and the old one leaves it last:
//
//	plan 1   new anchor, bundle = new + old        control plane and workloads restart with both
//	plan 2   issuer signed by the new anchor       allowed when every meshed pod trusts it
//	plan 3   bundle = new                          allowed when the last certificate of the old issuer has run out
//
// Each plan does what is safe at its time and says what it waits for, so that a rotation survives any interruption.
package certs
