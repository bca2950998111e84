package metrics

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"
)

const (
	defaultParallel = 8
	defaultDeadline = 10 * time.Second
	// maxBytes bounds what one proxy may answer: a proxy with very many peers stays below it, a hostile pod that
	// answers for ever does not exhaust memory.
	maxBytes = 32 << 20
)

// Scraper asks proxies for their metrics. Its methods are safe for concurrent use.
type Scraper struct {
	// Forward connects to a port of a pod. It is required.
	Forward func(ctx context.Context, namespace, pod string, port int) (net.Conn, error)
	// Parallel bounds the connections in flight; 0 means 8.
	Parallel int
	// Deadline bounds the work for one pod; 0 means 10 seconds.
	Deadline time.Duration
}

// Scrape asks every pod and returns one answer for each, ordered by namespace and name. A pod that does not answer has
// an Err and holds up nobody else for longer than the deadline.
func (s Scraper) Scrape(ctx context.Context, pods []Pod) []Scrape {
	pods = slices.SortedFunc(slices.Values(pods), comparePods)
	out := make([]Scrape, len(pods))
	parallel := s.Parallel
	if parallel <= 0 {
		parallel = defaultParallel
	}
	slots := make(chan struct{}, parallel)
	var wg sync.WaitGroup
	for i, p := range pods {
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			samples, err := s.one(ctx, p)
			out[i] = Scrape{Pod: p, At: time.Now().UTC(), Samples: samples, Err: err}
		})
	}
	wg.Wait()
	return out
}

func (s Scraper) one(ctx context.Context, p Pod) ([]Sample, error) {
	deadline := s.Deadline
	if deadline <= 0 {
		deadline = defaultDeadline
	}
	ctx, cancel := context.WithTimeoutCause(ctx, deadline, fmt.Errorf("the proxy gave no answer within %s", deadline))
	defer cancel()
	samples, err := s.get(ctx, p)
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return samples, err
}

func (s Scraper) get(ctx context.Context, p Pod) ([]Sample, error) {
	transport := &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return s.Forward(ctx, p.Namespace, p.Name, p.adminPort())
		},
	}
	defer transport.CloseIdleConnections()
	// The host is not resolved: the connection is already there. The name only has to be one that a proxy accepts.
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("http://localhost:%d/metrics", p.adminPort()), nil)
	if err != nil {
		return nil, err
	}
	res, err := transport.RoundTrip(req)
	if err != nil {
		return nil, fmt.Errorf("port %d: %w", p.adminPort(), err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("port %d answered %s", p.adminPort(), res.Status)
	}
	body := &io.LimitedReader{R: res.Body, N: maxBytes + 1}
	samples, err := Parse(body)
	if body.N <= 0 {
		return nil, errors.New("the answer is larger than 32 MiB")
	}
	return samples, err
}
