// Package expansion holds the resource types for what the mesh has beyond the pods of its cluster: machines that are not
// pods (linkerd_external_workload) and other clusters (linkerd_link).
//
// The central idea: both are plain declarations that Linkerd's controllers turn into endpoints and mirrored Services, and
// both fail silently when a name in them is wrong. So names, identities and ports are checked in full while planning.
package expansion
