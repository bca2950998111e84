package env

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/meshplan/meshplan/providers/kubernetes/kube"
)

// ConfigName is the name of the ConfigMap in which a control plane keeps the values that it was installed with.
const ConfigName = "linkerd-config"

// Config is what matters here of the values that a control plane was installed with, under their names in Linkerd's chart.
// What they do not say is the zero value; what that means is up to the reader.
type Config struct {
	LinkerdVersion   string `json:"linkerdVersion"`
	ClusterNetworks  string `json:"clusterNetworks"` // prefixes with commas between them
	CNIEnabled       bool   `json:"cniEnabled"`
	DisableHeartBeat bool   `json:"disableHeartBeat"`
	HighAvailability bool   `json:"highAvailability"`
	AnchorsPEM       string `json:"identityTrustAnchorsPEM"`
	Identity         struct {
		ExternalCA bool `json:"externalCA"`
		Issuer     struct {
			Scheme           string `json:"scheme"`           // type of the Secret with the issuer
			IssuanceLifetime string `json:"issuanceLifetime"` // of a proxy's certificate, as time.ParseDuration reads it
		} `json:"issuer"`
	} `json:"identity"`
	Proxy struct {
		NativeSidecar *bool `json:"nativeSidecar"`
		Image         struct {
			Version string `json:"version"`
		} `json:"image"`
		DefaultInboundPolicy string `json:"defaultInboundPolicy"`
		OpaquePorts          string `json:"opaquePorts"`
	} `json:"proxy"`
	ProxyInit struct {
		RunAsRoot bool `json:"runAsRoot"`
	} `json:"proxyInit"`
}

// ConfigRef names the ConfigMap of the control plane.
func (e Env) ConfigRef() kube.Ref {
	return kube.Ref{Version: "v1", Kind: "ConfigMap", Namespace: e.Namespace(), Name: ConfigName}
}

// ParseConfig reads the ConfigMap. It returns nil for none and for one without values.
func ParseConfig(u *unstructured.Unstructured) (*Config, error) {
	if u == nil {
		return nil, nil
	}
	text, _, _ := unstructured.NestedString(u.Object, "data", "values")
	if text == "" {
		return nil, nil
	}
	var c Config
	if err := yaml.Unmarshal([]byte(text), &c); err != nil {
		return nil, fmt.Errorf("ConfigMap %s/%s: key `values` is not YAML: %w", u.GetNamespace(), u.GetName(), err)
	}
	return &c, nil
}

// Getter is what LoadConfig needs of a cluster: an object, or nil where there is none.
type Getter interface {
	Get(ctx context.Context, r kube.Ref) (*unstructured.Unstructured, error)
}

// LoadConfig asks for the ConfigMap and reads it. It returns nil when there is none, and when the credentials may not read it. It
// costs one request.
func (e Env) LoadConfig(ctx context.Context, c Getter) (*Config, error) {
	u, err := c.Get(ctx, e.ConfigRef())
	if apierrors.IsForbidden(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return ParseConfig(u)
}
