package testenv

import (
	"bufio"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"testing"
)

// Request is a line of the audit log: what a user asked of the API server, and how that ended.
type Request struct {
	User, Verb string
	// Resource is `resource.group`, or `resource/subresource.group`; empty for a path outside resources.
	Resource, Namespace, Name string
	URI                       string
	Code                      int
}

// Audit returns the requests of a user so far. It needs Options.Audit, or a running sandbox that was started with it.
func Audit(t testing.TB, user string) (out []Request) {
	t.Helper()
	f, err := os.Open(filepath.Join(filepath.Dir(Kubeconfig(t)), "audit.log"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }() // only read
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e struct {
			Stage, Verb, RequestURI string
			User                    struct{ Username string }
			ObjectRef               struct{ Resource, Subresource, APIGroup, Namespace, Name string }
			ResponseStatus          struct{ Code int }
		}
		if json.Unmarshal(lines.Bytes(), &e) != nil || e.User.Username != user || e.Stage == "RequestReceived" {
			continue // the last line may not be whole yet
		}
		r := Request{User: user, Verb: e.Verb, Resource: e.ObjectRef.Resource, Namespace: e.ObjectRef.Namespace, Name: e.ObjectRef.Name, URI: e.RequestURI, Code: e.ResponseStatus.Code}
		if e.ObjectRef.Subresource != "" {
			r.Resource += "/" + e.ObjectRef.Subresource
		}
		if e.ObjectRef.APIGroup != "" {
			r.Resource += "." + e.ObjectRef.APIGroup
		}
		out = append(out, r)
		if r.Verb == "patch" && r.Code == http.StatusCreated { // an apply that makes the object is authorised as both
			r.Verb = "create"
			out = append(out, r)
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}
