// Package chart renders Helm charts in process and manages what they render object by object.
//
// The central idea: a chart is a function from values to manifests, and nothing more. It is loaded from a path, a
// repository or an OCI registry (Load), evaluated without a cluster (Chart.Render), and the objects that come out are
// planned, applied, read and deleted like any others (Set, and the resource type kubernetes_chart in New). There is
// no release record, no three-way merge and no "last release": the difference is the one between manifests and live
// objects.
//
// What follows from it:
//   - Rendering must be a function. Charts that draw random values or read the clock are found by rendering twice, and
//     refused with the name of the template, because their plan would never be empty.
//   - Templates see no cluster: `lookup` returns nothing, as in `helm template`. `.Release.IsInstall` is always true and
//     `.Release.Revision` always 1, so that the first and the hundredth rendering agree.
//   - Hooks are not run unless they are asked for: then they are objects like the others. Those that are not are
//     reported, since skipping them in silence would be worse.
//   - Charts are untrusted input: paths stay inside the configuration directory, archives and downloads are bounded, a
//     values schema fetches nothing, and text from a chart is scrubbed before it is shown.
//   - The objects of a chart may hold secrets. Values under a Secret's data and stringData, and whatever depends on
//     secret values, are marked sensitive before they leave this package.
//
// Helm's engine and loaders do the work. Its own packages for repositories are not used: they bring a WebAssembly
// runtime for download plugins, 25 MiB of binary that this program has no use for.
package chart
