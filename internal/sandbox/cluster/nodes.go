package cluster

import (
	"context"
	"fmt"
	"net/netip"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/component-base/version"
)

// KubeletPort is where every node says its kubelet listens; the supervisor answers there.
const KubeletPort = 10250

// podsPerNode fits the 1022 addresses of a node's pod network.
const podsPerNode = 1000

// MaxNodes is what the address plan of nodes and pods has room for.
const MaxNodes = 500

// NodeIP is the address of node i. It is routed by the supervisor alone.
func NodeIP(i int) string {
	return netip.AddrFrom4([4]byte{172, 18, byte((i + 2) >> 8), byte(i + 2)}).String()
}

// node describes node i, Ready from the start. Nodes alternate between two zones, so that rollouts by failure
// domain have something to tell apart.
func node(i int) *corev1.Node {
	name := fmt.Sprintf("node-%d", i)
	now := metav1.Now()
	capacity := corev1.ResourceList{
		corev1.ResourceCPU:              resource.MustParse("64"),
		corev1.ResourceMemory:           resource.MustParse("256Gi"),
		corev1.ResourceEphemeralStorage: resource.MustParse("1Ti"),
		corev1.ResourcePods:             *resource.NewQuantity(podsPerNode, resource.DecimalSI),
	}
	podCIDR := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(244 + i/64), byte(i % 64 * 4), 0}), 22).String()
	conditions := []corev1.NodeCondition{
		{Type: corev1.NodeReady, Status: corev1.ConditionTrue, Reason: "KubeletReady", Message: "kubelet is posting ready status"},
		{Type: corev1.NodeMemoryPressure, Status: corev1.ConditionFalse, Reason: "KubeletHasSufficientMemory"},
		{Type: corev1.NodeDiskPressure, Status: corev1.ConditionFalse, Reason: "KubeletHasNoDiskPressure"},
		{Type: corev1.NodePIDPressure, Status: corev1.ConditionFalse, Reason: "KubeletHasSufficientPID"},
	}
	for i := range conditions {
		conditions[i].LastHeartbeatTime, conditions[i].LastTransitionTime = now, now
	}
	return &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{
			Name: name,
			Labels: map[string]string{
				corev1.LabelHostname:       name,
				corev1.LabelOSStable:       "linux",
				corev1.LabelArchStable:     "amd64",
				corev1.LabelTopologyZone:   fmt.Sprintf("zone-%c", 'a'+i%2),
				corev1.LabelTopologyRegion: "sandbox",
			},
		},
		Spec: corev1.NodeSpec{PodCIDR: podCIDR, PodCIDRs: []string{podCIDR}},
		Status: corev1.NodeStatus{
			Phase:       corev1.NodeRunning,
			Capacity:    capacity,
			Allocatable: capacity,
			Conditions:  conditions,
			Addresses: []corev1.NodeAddress{
				{Type: corev1.NodeInternalIP, Address: NodeIP(i)},
				{Type: corev1.NodeHostName, Address: name},
			},
			DaemonEndpoints: corev1.NodeDaemonEndpoints{KubeletEndpoint: corev1.DaemonEndpoint{Port: KubeletPort}},
			NodeInfo: corev1.NodeSystemInfo{
				Architecture: "amd64", OperatingSystem: "linux", OSImage: "sandbox", KernelVersion: "sandbox",
				ContainerRuntimeVersion: "kwok://sandbox", KubeletVersion: version.Get().GitVersion,
			},
		},
	}
}

// createNodes creates n nodes; it may be called again after a failure.
func createNodes(ctx context.Context, c kubernetes.Interface, n int) error {
	for i := range n {
		if _, err := c.CoreV1().Nodes().Create(ctx, node(i), metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
			return err
		}
	}
	return nil
}
