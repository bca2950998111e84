package faultproxy

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Fault is what happens to a request. The zero value lets it pass.
type Fault struct {
	before func(http.ResponseWriter, *http.Request) (answered bool)
	after  func(*http.Response) error // an error resets the connection
	reset  bool                       // whether the answer is dropped and the connection reset
}

// Reset closes the connection before the server has seen the request.
func Reset() Fault {
	return Fault{before: func(w http.ResponseWriter, _ *http.Request) bool { hangUp(w); return true }}
}

// LoseAnswer lets the server do what the request asks, and resets the connection instead of passing the answer on.
func LoseAnswer() Fault {
	return Fault{reset: true, after: func(r *http.Response) error {
		_, err := io.Copy(io.Discard, r.Body)
		return err
	}}
}

// Refuse answers with a status of the API server instead of passing the request on. A retryAfter above zero is sent as
// Retry-After, in whole seconds and at least one.
func Refuse(code int, message string, retryAfter time.Duration) Fault {
	return Fault{before: func(w http.ResponseWriter, _ *http.Request) bool {
		status := map[string]any{
			"kind": "Status", "apiVersion": "v1", "metadata": map[string]any{}, "status": "Failure",
			"message": message, "reason": reasonOf(code), "code": code,
		}
		w.Header().Set("Content-Type", "application/json")
		if retryAfter > 0 {
			seconds := max(1, int(retryAfter/time.Second))
			w.Header().Set("Retry-After", strconv.Itoa(seconds))
			status["details"] = map[string]any{"retryAfterSeconds": seconds}
		}
		w.WriteHeader(code)
		_ = json.NewEncoder(w).Encode(status) // a client that has gone is no failure of the proxy
		return true
	}}
}

// reasonOf is the machine-readable reason that the API server gives with a code.
func reasonOf(code int) string {
	switch code {
	case http.StatusTooManyRequests:
		return "TooManyRequests"
	case http.StatusServiceUnavailable:
		return "ServiceUnavailable"
	case http.StatusGatewayTimeout:
		return "Timeout"
	case http.StatusForbidden:
		return "Forbidden"
	case http.StatusGone:
		return "Expired"
	case http.StatusInternalServerError:
		return "InternalError"
	}
	return ""
}

// Delay holds a request back before it is passed on.
func Delay(d time.Duration) Fault {
	return Fault{before: func(_ http.ResponseWriter, r *http.Request) bool {
		select {
		case <-time.After(d):
		case <-r.Context().Done():
		}
		return false
	}}
}

// Late holds a request back before it is passed on, as Delay does, and passes it on although its client is gone by then: it
// was on its way.
func Late(d time.Duration) Fault {
	return Fault{before: func(w http.ResponseWriter, r *http.Request) bool {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			hangUp(w)
			return true
		}
		ctx, cancel := context.WithCancel(context.WithoutCancel(r.Context()))
		time.AfterFunc(d+time.Minute, cancel) // for the time that the server has for its answer
		*r = *r.WithContext(ctx)
		r.Body = io.NopCloser(bytes.NewReader(body))
		time.Sleep(d)
		return false
	}}
}

// Cut passes an answer on for a time and then ends it as a lost connection does, in the middle of whatever is being
// sent. It is meant for watches.
func Cut(after time.Duration) Fault {
	return Fault{after: func(r *http.Response) error {
		body := r.Body
		time.AfterFunc(after, func() { _ = body.Close() })
		return nil
	}}
}

// Truncate passes on only the first bytes of an answer and then loses the connection.
func Truncate(bytes int64) Fault {
	return Fault{after: func(r *http.Response) error {
		r.Body = struct {
			io.Reader
			io.Closer
		}{io.MultiReader(io.LimitReader(r.Body, bytes), broken{}), r.Body}
		return nil
	}}
}

// broken is a reader that has lost its connection.
type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, fmt.Errorf("cut: %w", io.ErrUnexpectedEOF) }

// hangUp resets the connection of a request.
func hangUp(w http.ResponseWriter) {
	h, ok := w.(http.Hijacker)
	if !ok {
		panic(http.ErrAbortHandler)
	}
	conn, _, err := h.Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // RST instead of FIN
	}
	_ = conn.Close()
}

// Any matches every request.
func Any(*http.Request) bool { return true }

// Writes matches requests that change something. Those with dryRun do not.
func Writes(r *http.Request) bool {
	return r.Method != http.MethodGet && r.Method != http.MethodHead && !r.URL.Query().Has("dryRun")
}

// Reads matches GETs and LISTs but no watches.
func Reads(r *http.Request) bool { return r.Method == http.MethodGet && !Watches(r) }

// Watches matches watches.
func Watches(r *http.Request) bool {
	return r.URL.Query().Get("watch") == "true" || r.URL.Query().Get("watch") == "1"
}

// Path matches requests whose path contains a text, for instance "/configmaps".
func Path(text string) func(*http.Request) bool {
	return func(r *http.Request) bool { return strings.Contains(r.URL.Path, text) }
}

// Both matches what two others match.
func Both(a, b func(*http.Request) bool) func(*http.Request) bool {
	return func(r *http.Request) bool { return a(r) && b(r) }
}
