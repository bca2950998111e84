package alarm

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// receiver is a webhook on loopback that answers as it is told, the last answer again and again.
type receiver struct {
	*httptest.Server
	mu       sync.Mutex // guards what follows
	answers  []http.HandlerFunc
	requests []*http.Request
	bodies   [][]byte
}

func newReceiver(t *testing.T, answers ...http.HandlerFunc) *receiver {
	t.Helper()
	r := &receiver{answers: answers}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		r.mu.Lock()
		n := min(len(r.requests), len(r.answers)-1)
		r.requests, r.bodies = append(r.requests, req), append(r.bodies, body)
		r.mu.Unlock()
		if n >= 0 {
			r.answers[n](w, req)
		}
	}))
	t.Cleanup(r.Close)
	return r
}

func answer(code int, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(code)
	}
}

func (r *receiver) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.requests)
}

// hook is a webhook whose pauses are noted and take no time.
func (r *receiver) hook() (*Webhook, *[]time.Duration) {
	var pauses []time.Duration
	return &Webhook{URL: r.URL + "/services/T0/S3CRET?token=S3CRET", Secret: []byte("shared"), Now: func() time.Time { return noon }, Pause: func(_ context.Context, d time.Duration) error {
		pauses = append(pauses, d)
		return nil
	}}, &pauses
}

func told() Message {
	d, m := Memory{}.Next(Look{Lineage: "l", Items: []Item{web, db}, At: noon})
	return NewMessage(d, "id-1", m.Fingerprint, noon)
}

func TestWebhookSigns(t *testing.T) {
	r := newReceiver(t, answer(204))
	hook, pauses := r.hook()
	if err := hook.Send(t.Context(), told()); err != nil {
		t.Fatal(err)
	}
	if r.count() != 1 || len(*pauses) != 0 {
		t.Fatalf("%d requests, pauses %v", r.count(), *pauses)
	}
	req, body := r.requests[0], r.bodies[0]
	if got := req.Header.Get(HeaderTimestamp); got != strconv.FormatInt(noon.Unix(), 10) {
		t.Errorf("timestamp %q", got)
	}
	if got, want := req.Header.Get(HeaderSignature), Sign([]byte("shared"), req.Header.Get(HeaderTimestamp), body); got != want || !strings.HasPrefix(got, "sha256=") {
		t.Errorf("signature %q, want %q", got, want)
	}
	// The signature of a text that another implementation has signed: printf '1.{}' | openssl dgst -sha256 -hmac k
	if got, want := Sign([]byte("k"), "1", []byte("{}")), "sha256=3dd49b2593d0f9a349e9e71c4bde3e2b862c2be4003fe9b4ba81332029310158"; got != want {
		t.Errorf("Sign = %s, want %s", got, want)
	}
	var m Message
	if err := json.Unmarshal(body, &m); err != nil {
		t.Fatal(err)
	}
	if m.Event != "new" || m.Title != "Drift: 2 objects" || len(m.Items) != 2 || len(m.New) != 2 || m.Resolved == nil || m.Fingerprint != Fingerprint([]Item{web, db}) {
		t.Errorf("%s", body)
	}
	if req.Header.Get(HeaderDelivery) != "id-1" || m.ID != "id-1" || req.Method != http.MethodPost || req.Header.Get("Content-Type") != "application/json" {
		t.Errorf("%s, headers %v", req.Method, req.Header)
	}
	hook.Secret = nil
	if err := hook.Send(t.Context(), told()); err != nil || r.requests[1].Header.Get(HeaderSignature) != "" {
		t.Errorf("without a secret: %v, signature %q", err, r.requests[1].Header.Get(HeaderSignature))
	}
}

// TestWebhookInTrouble: what may pass is tried again, what will not is not, and no error shows the URL.
func TestWebhookInTrouble(t *testing.T) {
	elsewhere := newReceiver(t, answer(200))
	hang := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	cut := func(w http.ResponseWriter, _ *http.Request) {
		if c, _, err := http.NewResponseController(w).Hijack(); err == nil {
			c.Close()
		}
	}
	for name, c := range map[string]struct {
		answers  []http.HandlerFunc
		requests int
		says     string // "" means that it is delivered
	}{
		"twice unavailable":  {[]http.HandlerFunc{answer(503), answer(500), answer(200)}, 3, ""},
		"always failing":     {[]http.HandlerFunc{answer(500)}, attempts, "500 Internal Server Error"},
		"too many":           {[]http.HandlerFunc{answer(429, "Retry-After", "7"), answer(200)}, 2, ""},
		"wait for a year":    {[]http.HandlerFunc{answer(503, "Retry-After", "31536000"), answer(200)}, 2, ""},
		"not allowed":        {[]http.HandlerFunc{answer(403)}, 1, "403 Forbidden"},
		"not there":          {[]http.HandlerFunc{answer(404)}, 1, "404 Not Found"},
		"redirect":           {[]http.HandlerFunc{answer(307, "Location", elsewhere.URL)}, 1, "redirect (307)"},
		"permanent redirect": {[]http.HandlerFunc{answer(301, "Location", elsewhere.URL)}, 1, "redirect (301)"},
		"no answer":          {[]http.HandlerFunc{hang}, attempts, "did not answer in time"},
		"connection is cut":  {[]http.HandlerFunc{cut, cut, answer(200)}, 3, ""},
		"hostile answer":     {[]http.HandlerFunc{func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(400); fmt.Fprint(w, "\x1b[2Jowned") }}, 1, "400 Bad Request"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newReceiver(t, c.answers...)
			hook, pauses := r.hook()
			hook.Timeout = 300 * time.Millisecond
			err := hook.Send(t.Context(), told())
			switch {
			case (err == nil) != (c.says == ""):
				t.Fatalf("error %v", err)
			case err != nil && (!strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "S3CRET") || strings.ContainsRune(err.Error(), 0x1b)):
				t.Errorf("error %q", err)
			}
			if r.count() != c.requests || len(*pauses) != c.requests-1 {
				t.Errorf("%d requests and pauses %v, want %d", r.count(), *pauses, c.requests)
			}
			for _, p := range *pauses {
				if p <= 0 || p > longestPause {
					t.Errorf("a pause of %s", p)
				}
			}
			if name == "too many" && (*pauses)[0] != 7*time.Second {
				t.Errorf("the receiver asked for 7s and got %s", (*pauses)[0])
			}
		})
	}
	if elsewhere.count() > 0 {
		t.Error("a redirect was followed")
	}
}

func TestWebhookGivesUp(t *testing.T) {
	r := newReceiver(t, answer(503))
	hook, _ := r.hook()
	hook.Pause = func(context.Context, time.Duration) error { return context.Canceled }
	if err := hook.Send(t.Context(), told()); err == nil || r.count() != 1 {
		t.Errorf("%v after %d requests", err, r.count())
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	hook.URL = "http://" + l.Addr().String() + "/S3CRET"
	l.Close()
	if err := hook.Send(t.Context(), told()); err == nil || strings.Contains(err.Error(), "S3CRET") {
		t.Errorf("nobody listens: %v", err)
	}
	for _, bad := range []string{"", "S3CRET", "ftp://S3CRET/", "http://", "http://%zz/S3CRET"} {
		hook.URL = bad
		if err := hook.Send(t.Context(), told()); err == nil || strings.Contains(err.Error(), "S3CRET") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
