package cluster

import (
	"crypto/tls"
	_ "embed"
	"fmt"
	"net"
	"os"
	"strings"
)

// stages tell KWOK what becomes of nodes and pods. Lines that begin with meshOnly count only with Options.Mesh.
//
//go:embed stages.yaml
var stages string

const meshOnly = "#mesh "

// auditPolicy records every request once, when it is answered. Watches are recorded when they begin.
const auditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Metadata
`

// credentials writes the certificates of one sandbox and returns its authority and the kubelets' serving pair.
// They do not depend on ports, so that a start tried again keeps them.
func (d Dir) credentials() (*authority, tls.Certificate, error) {
	fail := func(err error) (*authority, tls.Certificate, error) { return nil, tls.Certificate{}, err }
	ca, err := newAuthority("sandbox-ca")
	if err != nil {
		return fail(err)
	}
	if err := ca.save(d.path("pki", "ca.crt"), d.path("pki", "ca.key")); err != nil {
		return fail(err)
	}
	frontCA, err := newAuthority("sandbox-front-proxy-ca")
	if err != nil {
		return fail(err)
	}
	if err := os.WriteFile(d.path("pki", "front-proxy-ca.crt"), frontCA.pem, 0o600); err != nil {
		return fail(err)
	}
	save := func(name string, p pair, err error) error {
		if err != nil {
			return err
		}
		return p.save(d.path("pki", name+".crt"), d.path("pki", name+".key"))
	}
	apiServer, err := ca.server("kube-apiserver",
		[]string{"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"},
		net.IPv4(127, 0, 0, 1), net.IPv4(10, 96, 0, 1))
	if err := save("apiserver", apiServer, err); err != nil {
		return fail(err)
	}
	// Tokens are checked against the public key in the certificate.
	sa, err := ca.client("service-accounts")
	if err := save("sa", sa, err); err != nil {
		return fail(err)
	}
	kubeletClient, err := ca.client("kube-apiserver-kubelet-client", "system:masters")
	if err := save("kubelet-client", kubeletClient, err); err != nil {
		return fail(err)
	}
	frontProxy, err := frontCA.client("front-proxy-client")
	if err := save("front-proxy-client", frontProxy, err); err != nil {
		return fail(err)
	}
	kubelet, err := ca.server("kubelet", []string{"kubelet"})
	if err != nil {
		return fail(err)
	}
	serving, err := tls.X509KeyPair(kubelet.cert, kubelet.key)
	return ca, serving, err
}

// kubeconfigs writes access for the components, each under its own name, so that an audit log tells them from the
// client under test.
func (d Dir) kubeconfigs(ca *authority, port int) error {
	server := fmt.Sprintf("https://127.0.0.1:%d", port)
	for _, c := range []struct{ file, user string }{
		{d.path("run", ControllerManager+".kubeconfig"), "system:kube-controller-manager"},
		{d.path("run", Scheduler+".kubeconfig"), "system:kube-scheduler"},
		{d.path("run", Kwok+".kubeconfig"), "system:kwok"},
		{d.path("run", "supervisor.kubeconfig"), "system:sandbox"},
		{d.Kubeconfig(), "admin"},
	} {
		client, err := ca.client(c.user, "system:masters")
		if err != nil {
			return err
		}
		b, err := kubeconfig(server, ca.pem, c.user, client)
		if err != nil {
			return err
		}
		if err := os.WriteFile(c.file, b, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// files writes the components' configuration.
func (d Dir) files(o Options, egress string) error {
	stages := stages
	if o.Mesh {
		stages = strings.ReplaceAll(stages, meshOnly, "")
	}
	for name, content := range map[string]string{
		"stages.yaml":       stages,
		"audit-policy.yaml": auditPolicy,
		"egress.yaml":       egress,
	} {
		if err := os.WriteFile(d.path("run", name), []byte(content), 0o600); err != nil {
			return err
		}
	}
	return nil
}
