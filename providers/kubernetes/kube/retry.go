package kube

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	utilnet "k8s.io/apimachinery/pkg/util/net"
)

// UnreachableError says that no request reached the API server, or that there is no connection to try.
type UnreachableError struct {
	Context string
	Err     error
}

func (e *UnreachableError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *UnreachableError) Unwrap() error { return e.Err }

// doubtfulError is an answer to a request that was repeated because an earlier answer was lost: the earlier request may
// have done what this answer refuses.
type doubtfulError struct{ error }

func (e *doubtfulError) Unwrap() error { return e.error }

// The pace of retries: at most retryBudget in all, from retryFirst doubling to retryMost, with jitter.
const (
	retryBudget = 30 * time.Second
	retryFirst  = 250 * time.Millisecond
	retryMost   = 5 * time.Second
	// reachBudget is shorter: a server that never answered in this run is more likely not there than restarting.
	reachBudget = 3 * time.Second
	reachPause  = 500 * time.Millisecond
	// dialTimeout bounds one attempt to connect to an address from which nothing comes back.
	dialTimeout = 5 * time.Second
	// quiet is how long a server may be silent before people are told.
	quiet = time.Second
)

// retry calls a request that is safe to repeat until it succeeds, fails for good, or the budget is spent. client-go
// itself repeats what the server answered with Retry-After, and lost connections of GET only.
func (c *Cluster) retry(ctx context.Context, request func() error) error {
	c.mu.Lock()
	down, since, answered := c.down, time.Since(c.downAt), c.answered
	c.mu.Unlock()
	if down != nil && since < downFor {
		return down
	}
	start, pause := time.Now(), retryFirst
	login, doubtful := true, false
	for {
		err := request()
		if login && apierrors.IsUnauthorized(err) {
			login = false // client-go has dropped its token now: a file or a command may have a newer one
			continue
		}
		if err == nil {
			return c.reached(nil)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		lost := connectionLost(err)
		if !lost {
			_ = c.reached(nil) // an error is an answer too
		}
		budget := retryBudget
		if lost && !answered {
			budget, pause = reachBudget, min(pause, reachPause)
		}
		if !lost && !transient(err) || time.Since(start)+pause > budget || !curable(err) {
			switch {
			case lost:
				err = c.reached(&UnreachableError{Context: c.connection.Context, Err: err})
			case doubtful:
				err = &doubtfulError{err}
			}
			return err
		}
		doubtful = doubtful || lost
		if seconds, ok := apierrors.SuggestsClientDelay(err); ok {
			pause = max(pause, time.Duration(seconds)*time.Second)
		}
		c.log.Debug("request is repeated", "after", pause)
		if lost && time.Since(start)+pause >= quiet {
			c.waits(err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause/2 + rand.N(pause)):
		}
		pause = min(2*pause, retryMost)
	}
}

// reached remembers whether the server could be reached and returns err.
func (c *Cluster) reached(err error) error {
	c.mu.Lock()
	c.down, c.downAt = err, time.Now()
	c.answered = c.answered || err == nil
	again := c.told && err == nil
	c.told = c.told && err != nil
	c.mu.Unlock()
	if again {
		c.options.Waiting("The API server of " + c.Name() + " answers again.")
	}
	return err
}

// waits tells people once that the server does not answer.
func (c *Cluster) waits(err error) {
	c.mu.Lock()
	first := !c.told && c.options.Waiting != nil
	c.told = c.told || first
	c.mu.Unlock()
	if first {
		c.options.Waiting("Waiting for the API server of " + c.Name() + ": " + err.Error())
	}
}

// connectionLost reports whether the answer did not arrive.
func connectionLost(err error) bool {
	var status apierrors.APIStatus
	if errors.As(err, &status) {
		return false
	}
	var asURL *url.Error
	var asNet net.Error
	return errors.As(err, &asURL) || errors.As(err, &asNet) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		utilnet.IsConnectionReset(err) || utilnet.IsConnectionRefused(err) || utilnet.IsHTTP2ConnectionLost(err)
}

// curable reports whether a lost connection may come back: a name that does not resolve and a certificate that does
// not fit will not.
func curable(err error) bool {
	var dns *net.DNSError
	if errors.As(err, &dns) && dns.IsNotFound {
		return false
	}
	text := err.Error()
	return !strings.Contains(text, "x509:") && !strings.Contains(text, "tls: ") && !strings.Contains(text, "executable file not found") &&
		!strings.Contains(text, "getting credentials")
}

// transient reports whether the server may answer differently soon.
func transient(err error) bool {
	if apierrors.IsTooManyRequests(err) || apierrors.IsServerTimeout(err) || apierrors.IsTimeout(err) || apierrors.IsServiceUnavailable(err) {
		return true
	}
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		return false
	}
	text, code := status.Status().Message, status.Status().Code
	switch {
	case code == http.StatusConflict:
		return strings.Contains(text, "resourcequotas") || strings.Contains(text, "please apply your changes to the latest version") && !strings.Contains(text, "uid")
	case code >= 500:
		return strings.Contains(text, "leader changed") || strings.Contains(text, "etcdserver: ") || isWebhookDown(err) || code == http.StatusBadGateway || code == http.StatusGatewayTimeout
	}
	return false
}

// isWebhookDown reports whether an admission webhook could not be called, as opposed to refusing.
func isWebhookDown(err error) bool {
	return err != nil && strings.Contains(err.Error(), "failed calling webhook")
}
