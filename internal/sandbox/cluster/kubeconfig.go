package cluster

import (
	"fmt"
	"os"

	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
)

// kubeconfig renders access to the API at server for the user that the client certificate names.
func kubeconfig(server string, ca []byte, user string, client pair) ([]byte, error) {
	return clientcmd.Write(api.Config{
		Clusters:       map[string]*api.Cluster{"sandbox": {Server: server, CertificateAuthorityData: ca}},
		AuthInfos:      map[string]*api.AuthInfo{user: {ClientCertificateData: client.cert, ClientKeyData: client.key}},
		Contexts:       map[string]*api.Context{"sandbox": {Cluster: "sandbox", AuthInfo: user}},
		CurrentContext: "sandbox",
	})
}

// UserKubeconfig returns a kubeconfig for a plain user of the running sandbox in d: its client certificate carries
// the name and no group, so it can do only what RBAC grants to that name and to system:authenticated.
func UserKubeconfig(d Dir, user string) ([]byte, error) {
	admin, err := clientcmd.LoadFromFile(d.Kubeconfig())
	if os.IsNotExist(err) {
		return nil, fmt.Errorf("no sandbox in %s", d)
	}
	if err != nil {
		return nil, err
	}
	ca, err := loadAuthority(d.path("pki", "ca.crt"), d.path("pki", "ca.key"))
	if err != nil {
		return nil, err
	}
	client, err := ca.client(user)
	if err != nil {
		return nil, err
	}
	return kubeconfig(admin.Clusters["sandbox"].Server, ca.pem, user, client)
}
