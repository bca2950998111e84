package kubestore

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"

	"github.com/meshplan/meshplan/state/ledger"
)

const (
	labelManaged = "app.kubernetes.io/managed-by"
	labelBackend = "meshplan.dev/backend"
	labelPart    = "meshplan.dev/part"
	secretType   = "meshplan.dev/state"
	contentKey   = "content"
)

// client talks to the API server about one state.
type client struct {
	base, name string
	secrets    dynamic.ResourceInterface
	metadata   metadata.ResourceInterface
	leases     dynamic.ResourceInterface
	waiting    func(string) // tells people that the server does not answer; may be nil
	answered   atomic.Bool  // the server has answered once: it is there
	told       atomic.Bool  // people know that it does not answer now
}

// troubleError is an error on the way to the cluster, or a refusal of it: not damage.
type troubleError struct{ err error }

func (e *troubleError) Error() string {
	return "the state in the cluster cannot be reached: " + e.err.Error()
}
func (e *troubleError) Unwrap() error { return e.err }

// goneError says that a part is not there.
type goneError struct{ name string }

func (e *goneError) Error() string { return "the part " + e.name + " is missing" }

var (
	secretsResource = schema.GroupVersionResource{Version: "v1", Resource: "secrets"}
	leasesResource  = schema.GroupVersionResource{Group: "coordination.k8s.io", Version: "v1", Resource: "leases"}
)

func newClient(o *Options, base string) (*client, error) {
	config, err := restConfig(o)
	if err != nil {
		return nil, err
	}
	config.UserAgent, config.QPS = o.UserAgent, -1 // the server knows best, and answers 429 with a time to wait
	config.WarningHandler = rest.NoWarnings{}
	config.Dial = (&net.Dialer{Timeout: dialTimeout, KeepAlive: 30 * time.Second}).DialContext
	d, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	m, err := metadata.NewForConfig(metadata.ConfigFor(config))
	if err != nil {
		return nil, err
	}
	return &client{base: base, name: o.Name, secrets: d.Resource(secretsResource).Namespace(o.Namespace),
		metadata: m.Resource(secretsResource).Namespace(o.Namespace), leases: d.Resource(leasesResource).Namespace(o.Namespace), waiting: o.Waiting}, nil
}

func restConfig(o *Options) (*rest.Config, error) {
	if o.InCluster {
		return rest.InClusterConfig()
	}
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.WarnIfAllMissing = false
	if o.Kubeconfig != "" {
		rules.ExplicitPath = o.Kubeconfig
	}
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &clientcmd.ConfigOverrides{CurrentContext: o.Context}).ClientConfig()
	if clientcmd.IsEmptyConfig(err) || err == nil && config.Host == "" {
		return nil, errors.New("no kubeconfig names an API server")
	}
	return config, err
}

// The pace of requests and of their repetition.
const (
	requestTimeout = 15 * time.Second
	dialTimeout    = 5 * time.Second
	retryBudget    = 30 * time.Second
	retryFirst     = 50 * time.Millisecond
	retryMost      = 2 * time.Second
	// reachBudget is shorter: a server that has not answered yet is more likely not there than restarting.
	reachBudget = 3 * time.Second
	reachPause  = 400 * time.Millisecond
	// quiet is how long trouble lasts before people are told.
	quiet = time.Second
)

// retry repeats a request that is safe to repeat while the trouble may pass, until ctx ends or the budget is spent.
func (c *client) retry(ctx context.Context, request func(context.Context) error) error {
	start := time.Now()
	for pause := retryFirst; ; pause = min(2*pause, retryMost) {
		err := once(ctx, request)
		if err == nil || isAnswer(err) {
			c.answered.Store(true)
			if c.told.CompareAndSwap(true, false) {
				c.waiting("The API server that keeps the state answers again.")
			}
		}
		if err == nil || !transient(err) {
			return err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		budget := retryBudget
		if !c.answered.Load() {
			budget, pause = reachBudget, min(pause, reachPause)
			if !curable(err) {
				budget = 0
			}
		}
		if time.Since(start)+pause > budget {
			return &troubleError{err}
		}
		if c.waiting != nil && !isAnswer(err) && time.Since(start)+pause >= quiet && c.told.CompareAndSwap(false, true) {
			c.waiting("Waiting for the API server that keeps the state: " + err.Error())
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(pause/2 + mathrand.N(pause)):
		}
	}
}

// isAnswer reports whether an error is what the server said.
func isAnswer(err error) bool {
	var status apierrors.APIStatus
	return errors.As(err, &status)
}

// curable reports whether a connection that failed may come about soon: a name that does not resolve will not.
func curable(err error) bool {
	var dns *net.DNSError
	return !errors.As(err, &dns) || !dns.IsNotFound
}

// once makes one attempt.
func once(ctx context.Context, request func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(klog.NewContext(ctx, logr.Discard()), requestTimeout) // errors are returned, not printed
	defer cancel()
	return request(ctx)
}

// transient reports whether a request may succeed later, or may have succeeded although the answer did not arrive.
func transient(err error) bool {
	var status apierrors.APIStatus
	if errors.As(err, &status) {
		switch code := status.Status().Code; code {
		case http.StatusTooManyRequests, http.StatusRequestTimeout:
			return true
		default:
			return code >= 500
		}
	}
	var network net.Error
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &network) || errors.Is(err, context.DeadlineExceeded)
}

// final turns an answer that no repetition changes into trouble.
func final(err error) error {
	var trouble *troubleError
	if err == nil || errors.As(err, &trouble) {
		return err
	}
	return &troubleError{err}
}

func (c *client) object(name, part string, content []byte, version string) *unstructured.Unstructured {
	meta := map[string]any{"name": name, "labels": map[string]any{labelManaged: "meshplan", labelBackend: c.name, labelPart: part},
		"annotations": map[string]any{"meshplan.dev/note": "State of meshplan. Do not edit: see meshplan state --help."}}
	if version != "" {
		meta["resourceVersion"] = version
	}
	return &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "Secret", "type": secretType, "metadata": meta,
		"data": map[string]any{contentKey: base64.StdEncoding.EncodeToString(content)}}}
}

// get returns the content of a Secret and its version.
func (c *client) get(ctx context.Context, name string) (content []byte, version string, err error) {
	var u *unstructured.Unstructured
	err = c.retry(ctx, func(ctx context.Context) error {
		u, err = c.secrets.Get(ctx, name, metav1.GetOptions{})
		return err
	})
	if apierrors.IsNotFound(err) {
		return nil, "", err
	}
	if err != nil {
		return nil, "", final(err)
	}
	text, _, _ := unstructured.NestedString(u.Object, "data", contentKey)
	content, err = base64.StdEncoding.DecodeString(text)
	if err != nil || u.Object["type"] != secretType {
		return nil, "", fmt.Errorf("the Secret %s is not a state of meshplan", name)
	}
	return content, u.GetResourceVersion(), nil
}

// head returns the present head. Errors: ledger.ErrAbsent.
func (c *client) head(ctx context.Context) (*head, error) {
	content, version, err := c.get(ctx, c.base)
	if apierrors.IsNotFound(err) {
		return nil, ledger.ErrAbsent
	}
	if err != nil {
		return nil, err
	}
	h, err := decodeHead(content)
	if err != nil {
		return nil, err
	}
	h.version = version
	return h, nil
}

// fence replaces the head by one that means the same, so that whoever still believes to hold the lock cannot commit.
func (c *client) fence(ctx context.Context) error {
	err := c.retry(ctx, func(ctx context.Context) error {
		h, err := c.head(ctx)
		if err != nil {
			return err
		}
		h.Mark = rand.Text()
		content, err := encodeHead(h)
		if err != nil {
			return err
		}
		_, err = c.secrets.Update(ctx, c.object(c.base, "head", content, h.version), metav1.UpdateOptions{})
		if apierrors.IsConflict(err) {
			return apierrors.NewTooManyRequests("the head was replaced meanwhile", 0) // once more, with the new one
		}
		return err
	})
	if errors.Is(err, ledger.ErrAbsent) {
		return nil
	}
	return final(err)
}

// createPart creates a part under a new name.
func (c *client) createPart(ctx context.Context, name string, content []byte) error {
	err := c.retry(ctx, func(ctx context.Context) error {
		_, err := c.secrets.Create(ctx, c.object(name, "part", content, ""), metav1.CreateOptions{})
		if apierrors.IsAlreadyExists(err) { // the name is random: an earlier attempt got through
			return nil
		}
		return err
	})
	return final(err)
}

// getPart returns the content of a part. Errors: *goneError.
func (c *client) getPart(ctx context.Context, name string) ([]byte, error) {
	content, _, err := c.get(ctx, name)
	if apierrors.IsNotFound(err) {
		return nil, &goneError{name}
	}
	return content, err
}

// deletePart deletes a part that nobody needs any more; one that has gone is no error.
func (c *client) deletePart(ctx context.Context, name string) error {
	return c.retry(ctx, func(ctx context.Context) error {
		err := c.secrets.Delete(ctx, name, metav1.DeleteOptions{})
		if apierrors.IsNotFound(err) {
			return nil
		}
		return err
	})
}

// listParts returns the names of all parts, those that no head names included.
func (c *client) listParts(ctx context.Context) (names []string, err error) {
	o := metav1.ListOptions{LabelSelector: labelBackend + "=" + c.name + "," + labelPart + "=part", Limit: 500}
	for {
		var list *metav1.PartialObjectMetadataList
		err := c.retry(ctx, func(ctx context.Context) error {
			list, err = c.metadata.List(ctx, o)
			return err
		})
		if err != nil {
			return nil, final(err)
		}
		for i := range list.Items {
			names = append(names, list.Items[i].Name)
		}
		if o.Continue = list.Continue; o.Continue == "" {
			return names, nil
		}
	}
}
