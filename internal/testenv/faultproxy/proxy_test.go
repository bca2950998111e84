package faultproxy_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/meshplan/meshplan/internal/testenv"
	"github.com/meshplan/meshplan/internal/testenv/faultproxy"
)

// ask sends one request on a connection of its own and returns the answer's code and body.
func ask(t *testing.T, method, url, body string) (int, http.Header, []byte, error) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 30 * time.Second}
	req, err := http.NewRequestWithContext(t.Context(), method, url, bytes.NewBufferString(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := client.Do(req)
	if err != nil {
		return 0, nil, nil, err
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	return res.StatusCode, res.Header, text, err
}

func TestFaults(t *testing.T) {
	p := faultproxy.New(t, testenv.Kubeconfig(t))
	version := p.URL + "/version"
	t.Run("none", func(t *testing.T) {
		if code, _, text, err := ask(t, "GET", version, ""); err != nil || code != 200 || !strings.Contains(string(text), "gitVersion") {
			t.Errorf("through the proxy: %d, %v: %s", code, err, text)
		}
	})
	t.Run("reset", func(t *testing.T) {
		p.Set(faultproxy.Rule{Fault: faultproxy.Reset()})
		if code, _, _, err := ask(t, "GET", version, ""); err == nil {
			t.Errorf("answered %d", code)
		}
	})
	t.Run("refused", func(t *testing.T) {
		p.Set(faultproxy.Rule{Fault: faultproxy.Refuse(429, "later", 2*time.Second)})
		code, header, text, err := ask(t, "GET", version, "")
		if err != nil || code != 429 || header.Get("Retry-After") != "2" || !strings.Contains(string(text), "TooManyRequests") {
			t.Errorf("%d %v %v: %s", code, header, err, text)
		}
	})
	t.Run("truncated", func(t *testing.T) {
		p.Set(faultproxy.Rule{Fault: faultproxy.Truncate(10)})
		if _, _, text, err := ask(t, "GET", version, ""); !errors.Is(err, io.ErrUnexpectedEOF) || len(text) != 10 {
			t.Errorf("%d bytes, %v", len(text), err)
		}
	})
	t.Run("delayed", func(t *testing.T) {
		p.Set(faultproxy.Rule{Fault: faultproxy.Delay(150 * time.Millisecond)})
		start := time.Now()
		if code, _, _, err := ask(t, "GET", version, ""); err != nil || code != 200 || time.Since(start) < 150*time.Millisecond {
			t.Errorf("%d, %v after %s", code, err, time.Since(start))
		}
	})
	t.Run("answer lost", func(t *testing.T) {
		ns := testenv.Namespace(t)
		url := p.URL + "/api/v1/namespaces/" + ns + "/configmaps"
		p.Set(faultproxy.Rule{Match: faultproxy.Writes, Fault: faultproxy.LoseAnswer()})
		if code, _, _, err := ask(t, "POST", url, `{"metadata":{"name":"made"}}`); err == nil {
			t.Errorf("answered %d", code)
		}
		if code, _, text, err := ask(t, "GET", url+"/made", ""); err != nil || code != 200 {
			t.Errorf("the server did not do it: %d, %v: %s", code, err, text)
		}
	})
	t.Run("late", func(t *testing.T) {
		ns := testenv.Namespace(t)
		url := "/api/v1/namespaces/" + ns + "/configmaps"
		p.Set(faultproxy.Rule{Match: faultproxy.Writes, Fault: faultproxy.Late(300 * time.Millisecond)})
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, "POST", p.URL+url, strings.NewReader(`{"metadata":{"name":"late"}}`))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		if res, err := http.DefaultClient.Do(req); err == nil {
			_ = res.Body.Close()
			t.Fatalf("answered %d", res.StatusCode)
		}
		if code, _, _, err := ask(t, "GET", p.URL+url+"/late", ""); err != nil || code != 404 {
			t.Errorf("it is there before its time: %d, %v", code, err)
		}
		for start := time.Now(); ; time.Sleep(20 * time.Millisecond) {
			code, _, _, err := ask(t, "GET", p.URL+url+"/late", "")
			if err == nil && code == 200 {
				break
			}
			if time.Since(start) > 20*time.Second {
				t.Fatalf("the server did not do it: %d, %v", code, err)
			}
		}
	})
	t.Run("watch cut", func(t *testing.T) {
		p.Set(faultproxy.Rule{Match: faultproxy.Watches, Fault: faultproxy.Cut(200 * time.Millisecond)})
		res, err := http.Get(p.URL + "/api/v1/namespaces?watch=true")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = res.Body.Close() }()
		lines := bufio.NewScanner(res.Body)
		n := 0
		for lines.Scan() {
			n++
		}
		if n == 0 {
			t.Error("nothing came before the cut")
		}
		if !errors.Is(lines.Err(), io.ErrUnexpectedEOF) {
			t.Errorf("the watch ended with %v", lines.Err())
		}
	})
}

func TestRulesCount(t *testing.T) {
	p := faultproxy.New(t, testenv.Kubeconfig(t),
		faultproxy.Rule{Match: faultproxy.Path("/version"), After: 1, Every: 2, Times: 2, Fault: faultproxy.Refuse(500, "no", 0)})
	var codes []int
	for range 7 {
		code, _, _, err := ask(t, "GET", p.URL+"/version", "")
		if err != nil {
			t.Fatal(err)
		}
		codes = append(codes, code)
	}
	want := []int{200, 500, 200, 500, 200, 200, 200}
	for i, code := range codes {
		if code != want[i] {
			t.Fatalf("answers = %v, want %v", codes, want)
		}
	}
	requests := p.Requests()
	if len(requests) != 7 || !requests[1].Faulty || requests[2].Faulty || requests[0].URI != "/version" {
		t.Errorf("noted %+v", requests)
	}
	if hits := p.Hits(); len(hits) != 1 || hits[0] != 2 {
		t.Errorf("hits = %v", hits)
	}
	if len(p.Requests()) != 0 {
		t.Error("requests were not taken")
	}
}
