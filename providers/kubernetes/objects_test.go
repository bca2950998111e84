package kubernetes_test

import "k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

func configMapOf(namespace, name string) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "ConfigMap",
		"metadata": map[string]any{"name": name, "namespace": namespace},
		"data":     map[string]any{"k": "v"},
	}}
}

func unstructuredStrings(object map[string]any, path ...string) (map[string]string, bool, error) {
	return unstructured.NestedStringMap(object, path...)
}
