package chart

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/discovery"

	"github.com/meshplan/meshplan/providers/kubernetes/kube"
)

// servedAPIs lists what the cluster serves as templates ask for it: "apps/v1" and "apps/v1/Deployment". Groups that
// do not answer are left out, as Helm does.
func servedAPIs(cluster *kube.Cluster) ([]string, error) {
	config, err := cluster.RESTConfig()
	if err != nil {
		return nil, err
	}
	client, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return nil, err
	}
	_, lists, err := client.ServerGroupsAndResources()
	if err != nil && !discovery.IsGroupDiscoveryFailedError(err) {
		return nil, err
	}
	return apiNames(lists), nil
}

func apiNames(lists []*metav1.APIResourceList) []string {
	var out []string
	for _, l := range lists {
		out = append(out, l.GroupVersion)
		for _, r := range l.APIResources {
			out = append(out, l.GroupVersion+"/"+r.Kind)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
