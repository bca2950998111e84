package chart

import "github.com/meshplan/meshplan/internal/diag"

const (
	// CodeSource: the attributes that say where the chart comes from contradict each other or lack one.
	CodeSource diag.Code = "chart.source"
	// CodeNotFound: there is no chart at the path, or no such chart or version in the repository.
	CodeNotFound diag.Code = "chart.not-found"
	// CodeOutside: a path leads out of the configuration directory.
	CodeOutside diag.Code = "chart.outside"
	// CodeFetch: the repository or registry could not be read.
	CodeFetch diag.Code = "chart.fetch"
	// CodeDigest: the chart is not the one that the digest promises.
	CodeDigest diag.Code = "chart.digest"
	// CodeInvalid: the files of the chart do not make a chart.
	CodeInvalid diag.Code = "chart.invalid"
	// CodeKubeVersion: the chart does not support the version of the cluster.
	CodeKubeVersion diag.Code = "chart.kube-version"
	// CodeValues: the values break the chart's schema, or a values file cannot be read.
	CodeValues diag.Code = "chart.values"
	// CodeValuesShape: a value replaces a table by a scalar or the other way round (a warning).
	CodeValuesShape diag.Code = "chart.values-shape"
	// CodeRender: a template failed.
	CodeRender diag.Code = "chart.render"
	// CodeManifest: a template produced something that is not a Kubernetes object, or the same object twice.
	CodeManifest diag.Code = "chart.manifest"
	// CodeNondeterministic: two renderings with the same values differ.
	CodeNondeterministic diag.Code = "chart.nondeterministic"
	// CodeOutdated: with all values known, the chart renders something else than was planned.
	CodeOutdated diag.Code = "chart.plan-outdated"
)
