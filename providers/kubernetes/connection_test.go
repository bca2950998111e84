package kubernetes_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	kschema "k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/testenv"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/kubernetes"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
)

// configured is a provider with a block.
func configured(t *testing.T, kubeconfig, body string) providers.Provider {
	t.Helper()
	p := kubernetes.New(kube.NewPool(kube.Options{Kubeconfig: kubeconfig}), func() string { return "." })()
	must(t, p.Configure(t.Context(), decode(t, p.Schema(), body)))
	return p
}

func identity(t *testing.T, p providers.Provider) (string, hcl.Diagnostics) {
	t.Helper()
	return p.(providers.Identifier).Identity(t.Context())
}

func TestCase49OtherCluster(t *testing.T) {
	t.Parallel()
	uid, ds := identity(t, configured(t, testenv.Kubeconfig(t), ""))
	must(t, ds)
	got, ds := identity(t, configured(t, testenv.Kubeconfig(t), fmt.Sprintf("cluster_uid = %q", uid)))
	must(t, ds)
	if got != uid {
		t.Errorf("identity %s, want %s", got, uid)
	}
	_, ds = identity(t, configured(t, testenv.Kubeconfig(t), `cluster_uid = "another"`))
	wantError(t, ds, kube.CodeOtherCluster, "another", uid, "--context")
}

// change writes a copy of the test's kubeconfig with another way to log in.
func change(t *testing.T, edit func(*api.Config, *api.AuthInfo)) string {
	t.Helper()
	config, err := clientcmd.LoadFromFile(testenv.Kubeconfig(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := clientcmd.ResolveLocalPaths(config); err != nil {
		t.Fatal(err)
	}
	edit(config, config.AuthInfos[config.Contexts[config.CurrentContext].AuthInfo])
	path := filepath.Join(t.TempDir(), "kubeconfig")
	if err := clientcmd.WriteToFile(*config, path); err != nil {
		t.Fatal(err)
	}
	return path
}

// tokenFor makes a service account and returns a token for it.
func tokenFor(t *testing.T, namespace, name string) string {
	t.Helper()
	accounts := testenv.Dynamic(t).Resource(kschema.GroupVersionResource{Version: "v1", Resource: "serviceaccounts"}).Namespace(namespace)
	account := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "ServiceAccount", "metadata": map[string]any{"name": name}}}
	if _, err := accounts.Create(t.Context(), account, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	request := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "metadata": map[string]any{"name": name}, "spec": map[string]any{"expirationSeconds": int64(600)}}}
	out, err := accounts.Create(t.Context(), request, metav1.CreateOptions{}, "token")
	if err != nil {
		t.Fatal(err)
	}
	token, _, _ := unstructured.NestedString(out.Object, "status", "token")
	return token
}

// whoami asks the API server under which name a connection is known: it says so when it refuses.
func whoami(t *testing.T, p providers.Provider) string {
	t.Helper()
	_, ds := identity(t, p)
	if !ds.HasErrors() {
		return "admin"
	}
	if diag.CodeOf(ds[0]) != kube.CodeForbidden {
		return ds[0].Detail
	}
	return "somebody"
}

func TestWaysToLogIn(t *testing.T) {
	t.Parallel()
	ns := testenv.Namespace(t)
	t.Run("client certificate of files", func(t *testing.T) {
		path := change(t, func(c *api.Config, u *api.AuthInfo) {
			dir := t.TempDir()
			for name, data := range map[string][]byte{"crt": u.ClientCertificateData, "key": u.ClientKeyData} {
				if len(data) == 0 {
					continue // it is a file already
				}
				if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if len(u.ClientCertificateData) > 0 {
				u.ClientCertificate, u.ClientKey, u.ClientCertificateData, u.ClientKeyData = filepath.Join(dir, "crt"), filepath.Join(dir, "key"), nil, nil
			}
		})
		if got := whoami(t, configured(t, path, "")); got != "admin" {
			t.Error(got)
		}
	})
	t.Run("token file that is renewed", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "token")
		if err := os.WriteFile(file, []byte("expired"), 0o600); err != nil {
			t.Fatal(err)
		}
		path := change(t, func(_ *api.Config, u *api.AuthInfo) { *u = api.AuthInfo{TokenFile: file} })
		p := configured(t, path, "")
		if got := whoami(t, p); !strings.Contains(got, "does not accept the credentials") {
			t.Fatal(got)
		}
		if err := os.WriteFile(file, []byte(tokenFor(t, ns, "renewed")), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := whoami(t, p); got != "somebody" { // the account exists, and may nothing
			t.Error(got)
		}
	})
	t.Run("command", func(t *testing.T) {
		command := filepath.Join(t.TempDir(), "login")
		script := "#!/bin/sh\nprintf '{\"apiVersion\":\"client.authentication.k8s.io/v1\",\"kind\":\"ExecCredential\",\"status\":{\"token\":\"%s\"}}' \"$TOKEN\"\n"
		if err := os.WriteFile(command, []byte(script), 0o700); err != nil {
			t.Fatal(err)
		}
		path := change(t, func(_ *api.Config, u *api.AuthInfo) {
			*u = api.AuthInfo{Exec: &api.ExecConfig{APIVersion: "client.authentication.k8s.io/v1", Command: command, InteractiveMode: api.NeverExecInteractiveMode,
				Env: []api.ExecEnvVar{{Name: "TOKEN", Value: tokenFor(t, ns, "command")}}}}
		})
		if got := whoami(t, configured(t, path, "")); got != "somebody" {
			t.Error(got)
		}
		missing := change(t, func(_ *api.Config, u *api.AuthInfo) {
			*u = api.AuthInfo{Exec: &api.ExecConfig{APIVersion: "client.authentication.k8s.io/v1", Command: "no-such-login-command", InstallHint: "install the login command", InteractiveMode: api.NeverExecInteractiveMode}}
		})
		if got := whoami(t, configured(t, missing, "")); !strings.Contains(got, "no-such-login-command") {
			t.Error(got)
		}
	})
	t.Run("impersonation", func(t *testing.T) {
		if got := whoami(t, configured(t, testenv.Kubeconfig(t), `as = "nobody-in-particular"`)); got != "somebody" {
			t.Error(got)
		}
		if got := whoami(t, configured(t, testenv.Kubeconfig(t), "as = \"nobody-in-particular\"\nas_groups = [\"system:masters\"]")); got != "admin" {
			t.Error(got)
		}
		path := change(t, func(_ *api.Config, u *api.AuthInfo) { u.Impersonate = "nobody-in-particular" })
		if got := whoami(t, configured(t, path, "")); got != "somebody" {
			t.Error(got)
		}
	})
	t.Run("certificate that is not trusted", func(t *testing.T) {
		path := change(t, func(c *api.Config, _ *api.AuthInfo) {
			for _, cluster := range c.Clusters {
				cluster.CertificateAuthority, cluster.CertificateAuthorityData = "", nil
			}
		})
		if got := whoami(t, configured(t, path, "")); !strings.Contains(got, "x509") {
			t.Error(got)
		}
	})
}
