package metrics

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// TestScrape uses a local HTTP server in place of the proxies: only the transport is tested here.
func TestScrape(t *testing.T) {
	var inFlight, most atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		most.Store(max(most.Load(), inFlight.Add(1)))
		defer inFlight.Add(-1)
		if r.URL.Path != "/metrics" {
			http.NotFound(w, r)
			return
		}
		io.WriteString(w, "request_total{direction=\"inbound\"} 3\n")
	}))
	defer server.Close()
	hang := make(chan struct{})
	defer close(hang)
	s := Scraper{Parallel: 2, Deadline: 200 * time.Millisecond, Forward: func(ctx context.Context, _, name string, port int) (net.Conn, error) {
		switch {
		case port != DefaultAdminPort:
			return nil, errors.New("wrong port")
		case strings.HasPrefix(name, "refused"):
			return nil, errors.New("connection refused")
		case strings.HasPrefix(name, "silent"):
			here, there := net.Pipe()
			go func() { <-hang; there.Close() }()
			return here, nil
		}
		return (&net.Dialer{}).DialContext(ctx, "tcp", server.Listener.Addr().String())
	}}
	got := s.Scrape(t.Context(), []Pod{pod("d"), pod("silent"), pod("b"), pod("refused"), pod("a"), pod("c")})
	var order []string
	for _, r := range got {
		order = append(order, r.Pod.UID)
		switch r.Pod.UID {
		case "refused":
			if r.Err == nil || !strings.Contains(r.Err.Error(), "connection refused") {
				t.Errorf("refused: %v", r.Err)
			}
		case "silent":
			if r.Err == nil || !strings.Contains(r.Err.Error(), "no answer within 200ms") {
				t.Errorf("silent: %v", r.Err)
			}
		default:
			if r.Err != nil || len(r.Samples) != 1 || r.Samples[0].Value != 3 {
				t.Errorf("%s: %v, %v", r.Pod, r.Samples, r.Err)
			}
		}
	}
	if strings.Join(order, " ") != "a b c d refused silent" {
		t.Errorf("order %v", order)
	}
	if most.Load() > 2 {
		t.Errorf("%d connections in flight, want at most 2", most.Load())
	}
}
