// Sandbox is a whole Kubernetes control plane in one binary, for demonstrations and tests of meshplan on machines
// that have nothing but Go: etcd, kube-apiserver, kube-controller-manager, kube-scheduler and KWOK, which makes pods
// Ready without running them.
//
//	sandbox up --dir D [--nodes N] [--mesh] [--audit]     start in the background, print the kubeconfig's path
//	sandbox down --dir D                                  stop and remove what was made
//	sandbox run [--dir D] [flags] -- CMD...               run CMD with KUBECONFIG set, tear down after
//	sandbox kubeconfig --dir D --user NAME                print access for a user without any group
//
// It is one binary because linking the components together costs 100 MB instead of 500, and one build instead of
// five. The parent starts itself again with a component's name as first argument.
//
// Everything listens on loopback addresses. The cluster's own network (node, pod and Service addresses) exists only
// behind a proxy inside the supervisor, package cluster, through which the API server reaches kubelets and webhooks:
// no packet for such an address leaves the process. With --mesh that proxy is also where the stand-ins of package
// mesh answer in the place of Linkerd's pods.
//
// Processes end with their parents, whichever way those end: components with the supervisor, the supervisor of run
// with run, run with whoever started it. That needs Linux.
//
// This is test equipment. The module is nested so that its requirements never reach meshplan's.
package main
