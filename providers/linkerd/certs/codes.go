package certs

import "github.com/meshplan/meshplan/internal/diag"

// The codes of what this package reports, beside those of package pki.
const (
	// CodeCertificate: a text or Secret that should hold a certificate does not, or its key belongs to another one.
	CodeCertificate diag.Code = "linkerd.certificate"
	// CodePrivateKey: a private key was given where only certificates belong.
	CodePrivateKey diag.Code = "linkerd.private-key"
	// CodeSecretMissing: a Secret that somebody else must provide does not exist, or lacks a key.
	CodeSecretMissing diag.Code = "linkerd.secret-missing"
	// CodeSettings: attributes of a certificate contradict each other.
	CodeSettings diag.Code = "linkerd.certificate-settings"
	// CodeAnchorInUse: a trust anchor is to be deleted while the identity controller still uses it.
	CodeAnchorInUse diag.Code = "linkerd.anchor-in-use"
	// CodeAnchorMoved: the anchor in its Secret is not the one that the issuer was planned for.
	CodeAnchorMoved diag.Code = "linkerd.anchor-moved"
	// CodeRotationWaits: the next step of a rotation is not safe yet; the text says what it waits for.
	CodeRotationWaits diag.Code = "linkerd.rotation-waits"
	// CodeIssuerRefused: the identity controller has refused the new issuer and goes on with the old one.
	CodeIssuerRefused diag.Code = "linkerd.issuer-refused"
	// CodeUnreadable: the credentials do not allow to read a Secret, so the recorded certificate is shown.
	CodeUnreadable diag.Code = "linkerd.secret-unreadable"
	// CodeInternal: a certificate could not be made.
	CodeInternal diag.Code = "linkerd.certificate-failed"
	// CodeDriftCertificate: a certificate that the mesh rests on has ended, ends soon, or is not trusted by who must trust it.
	CodeDriftCertificate diag.Code = "linkerd.drift.certificate"
)
