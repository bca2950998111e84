package cluster

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
)

// Names of the components; each is also the word that makes the binary behave as that component.
const (
	Etcd              = "etcd"
	APIServer         = "kube-apiserver"
	ControllerManager = "kube-controller-manager"
	Scheduler         = "kube-scheduler"
	Kwok              = "kwok"
)

// controllers are the ones that a rollout needs. Volumes, nodes' addresses, certificates, autoscaling and
// device claims are left out: they cost start-up time and memory.
var controllers = []string{
	"clusterrole-aggregation-controller",
	"cronjob-controller",
	"daemonset-controller",
	"deployment-controller",
	"disruption-controller",
	"endpoints-controller",
	"endpointslice-controller",
	"garbage-collector-controller",
	"job-controller",
	"namespace-controller",
	"node-lifecycle-controller",
	"pod-garbage-collector-controller",
	"replicaset-controller",
	"replicationcontroller-controller",
	"resourcequota-controller",
	"root-ca-certificate-publisher-controller",
	"serviceaccount-controller",
	"serviceaccount-token-controller",
	"statefulset-controller",
	"taint-eviction-controller",
	"ttl-after-finished-controller",
}

// command prepares one component: this binary again, with the component's name as its first argument, writing to the
// component's log and knowing nothing of the caller's environment.
func (d Dir) command(component string, args ...string) (*exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	out, err := os.OpenFile(d.Log(component), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self, append([]string{component}, args...)...)
	cmd.Dir = string(d)
	cmd.Env = []string{"HOME=" + d.path("run"), "PATH=" + os.Getenv("PATH"), "TMPDIR=" + d.path("run")}
	cmd.Stdout, cmd.Stderr = out, out
	// An interrupt typed at a terminal must not reach the components: their supervisor ends them in order.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return cmd, nil
}

func (d Dir) etcdArgs(client, peer int) []string {
	clientURL, peerURL := fmt.Sprintf("http://127.0.0.1:%d", client), fmt.Sprintf("http://127.0.0.1:%d", peer)
	return []string{
		"--name=sandbox", "--data-dir=" + d.path("etcd"),
		"--listen-client-urls=" + clientURL, "--advertise-client-urls=" + clientURL,
		"--listen-peer-urls=" + peerURL, "--initial-advertise-peer-urls=" + peerURL,
		"--initial-cluster=sandbox=" + peerURL,
		// Nothing here has to survive a crash of the machine.
		"--unsafe-no-fsync",
		// A single member elects itself after one election timeout.
		"--heartbeat-interval=20", "--election-timeout=100",
		"--log-level=warn",
	}
}

func (d Dir) apiServerArgs(o Options, port, etcd int, egressConfig string) []string {
	args := []string{
		fmt.Sprintf("--etcd-servers=http://127.0.0.1:%d", etcd),
		"--bind-address=127.0.0.1", fmt.Sprintf("--secure-port=%d", port),
		"--advertise-address=127.0.0.1", "--endpoint-reconciler-type=none",
		"--service-cluster-ip-range=10.96.0.0/16",
		"--authorization-mode=RBAC",
		"--client-ca-file=" + d.path("pki", "ca.crt"),
		"--tls-cert-file=" + d.path("pki", "apiserver.crt"), "--tls-private-key-file=" + d.path("pki", "apiserver.key"),
		"--service-account-issuer=https://kubernetes.default.svc.cluster.local",
		"--service-account-key-file=" + d.path("pki", "sa.crt"),
		"--service-account-signing-key-file=" + d.path("pki", "sa.key"),
		"--kubelet-client-certificate=" + d.path("pki", "kubelet-client.crt"),
		"--kubelet-client-key=" + d.path("pki", "kubelet-client.key"),
		"--requestheader-client-ca-file=" + d.path("pki", "front-proxy-ca.crt"),
		"--requestheader-allowed-names=front-proxy-client",
		"--requestheader-username-headers=X-Remote-User",
		"--requestheader-group-headers=X-Remote-Group",
		"--requestheader-extra-headers-prefix=X-Remote-Extra-",
		"--proxy-client-cert-file=" + d.path("pki", "front-proxy-client.crt"),
		"--proxy-client-key-file=" + d.path("pki", "front-proxy-client.key"),
		// Calls to webhooks and aggregated APIs go to a pod's address through the supervisor, which decides who
		// answers there. Without it they would go to a Service address that nothing on this machine routes.
		"--egress-selector-config-file=" + egressConfig, "--enable-aggregator-routing=true",
		"--enable-priority-and-fairness=false", "--profiling=false", "--contention-profiling=false",
	}
	if o.Audit {
		args = append(args,
			"--audit-policy-file="+d.path("run", "audit-policy.yaml"),
			"--audit-log-path="+d.AuditLog(), "--audit-log-format=json", "--audit-log-mode=blocking")
	}
	return args
}

func (d Dir) controllerManagerArgs() []string {
	return []string{
		"--kubeconfig=" + d.path("run", ControllerManager+".kubeconfig"),
		"--leader-elect=false", "--secure-port=0", "--profiling=false",
		"--service-account-private-key-file=" + d.path("pki", "sa.key"),
		"--root-ca-file=" + d.path("pki", "ca.crt"),
		"--controllers=" + strings.Join(controllers, ","),
		// A test that creates many objects at once must not wait for the client's own brake.
		"--kube-api-qps=500", "--kube-api-burst=1000",
	}
}

func (d Dir) schedulerArgs() []string {
	return []string{
		"--kubeconfig=" + d.path("run", Scheduler+".kubeconfig"),
		"--leader-elect=false", "--secure-port=0", "--profiling=false",
		"--kube-api-qps=500", "--kube-api-burst=1000",
	}
}

func (d Dir) kwokArgs() []string {
	return []string{
		"--kubeconfig=" + d.path("run", Kwok+".kubeconfig"),
		"--config=" + d.path("run", "stages.yaml"),
		"--manage-all-nodes=true",
		"--node-lease-duration-seconds=40",
	}
}
