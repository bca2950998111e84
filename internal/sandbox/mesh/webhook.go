package mesh

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"strings"

	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/meshplan/meshplan/internal/sandbox/handover"
)

// review answers one admission request of the control plane in namespace.
type review func(ctx context.Context, namespace string, r *admissionv1.AdmissionRequest) *admissionv1.AdmissionResponse

// webhook is an admission server. Connections are handed to its listener when the address of the right pod is
// dialled; it serves the certificate that the Secret holds at that moment.
type webhook struct{ listener *handover.Listener }

// newWebhook starts the server of a Service whose certificate is in the Secret <service>-k8s-tls.
func newWebhook(ctx context.Context, w *world, service string, answer review) *webhook {
	return newServer(ctx, w, service, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		serveReview(rw, r, controlPlaneOf(r.TLS.ServerName), answer)
	}))
}

// newServer starts a server that the API server calls, for the same kind of Service.
func newServer(ctx context.Context, w *world, service string, answer http.Handler) *webhook {
	h := &webhook{listener: handover.New()}
	srv := &http.Server{
		ErrorLog: log.New(io.Discard, "", 0), // a client that refuses the certificate is the expected failure
		Handler:  answer,
		TLSConfig: &tls.Config{GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			return w.servingPair(controlPlaneOf(hello.ServerName), service+"-k8s-tls")
		}},
	}
	go func() { _ = srv.ServeTLS(h.listener, "", "") }()
	context.AfterFunc(ctx, func() { _ = srv.Close() })
	return h
}

// controlPlaneOf returns the namespace in a name such as linkerd-proxy-injector.linkerd.svc.
func controlPlaneOf(serverName string) string {
	parts := strings.Split(serverName, ".")
	if len(parts) < 2 {
		return ""
	}
	return parts[1]
}

func (w *world) servingPair(namespace, name string) (*tls.Certificate, error) {
	secret, err := w.secrets.Secrets(namespace).Get(name)
	if err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(secret.Data["tls.crt"], secret.Data["tls.key"])
	return &pair, err
}

func serveReview(rw http.ResponseWriter, r *http.Request, namespace string, answer review) {
	var in admissionv1.AdmissionReview
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil || in.Request == nil {
		http.Error(rw, "not an admission review", http.StatusBadRequest)
		return
	}
	response := answer(r.Context(), namespace, in.Request)
	response.UID = in.Request.UID
	rw.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(rw).Encode(admissionv1.AdmissionReview{TypeMeta: in.TypeMeta, Response: response})
}

func allowed() *admissionv1.AdmissionResponse {
	return &admissionv1.AdmissionResponse{Allowed: true}
}

func denied(format string, args ...any) *admissionv1.AdmissionResponse {
	return &admissionv1.AdmissionResponse{Result: &metav1.Status{Status: metav1.StatusFailure, Message: fmt.Sprintf(format, args...)}}
}

// patched allows the request with changes, each of which sets one whole field.
func patched(fields map[string]any) *admissionv1.AdmissionResponse {
	type operation struct {
		Op    string `json:"op"`
		Path  string `json:"path"`
		Value any    `json:"value"`
	}
	var ops []operation
	for path, value := range fields {
		ops = append(ops, operation{"add", path, value})
	}
	b, err := json.Marshal(ops)
	if err != nil {
		return denied("%v", err)
	}
	kind := admissionv1.PatchTypeJSONPatch
	return &admissionv1.AdmissionResponse{Allowed: true, Patch: b, PatchType: &kind}
}
