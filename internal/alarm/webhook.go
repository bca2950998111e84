package alarm

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// The headers of a delivery. The signature is `sha256=` and the HMAC-SHA256, in hexadecimal digits, of the timestamp, a
// dot and the body, under the shared secret. The timestamp counts seconds since 1970: who compares it with the clock
// cannot be fooled by an old message. Every attempt to deliver the same message has the same delivery ID.
const (
	HeaderTimestamp = "Meshplan-Timestamp"
	HeaderSignature = "Meshplan-Signature"
	HeaderDelivery  = "Meshplan-Delivery"
)

// Webhook delivers messages. URL is needed; everything else has a default.
type Webhook struct {
	// URL is where messages go. It may hold a secret, so no error shows more of it than its host.
	URL string
	// Secret signs messages; nil means that they are not signed.
	Secret []byte
	// Slack delivers the form that Slack reads in place of the generic one.
	Slack bool
	// UserAgent identifies the program; empty means "meshplan".
	UserAgent string
	// Now is the clock of the timestamps; nil means time.Now.
	Now func() time.Time
	// Pause waits between attempts; nil means that time passes.
	Pause func(ctx context.Context, d time.Duration) error
	// Timeout bounds one attempt; 0 means ten seconds.
	Timeout time.Duration
}

const (
	attempts       = 4
	attemptTimeout = 10 * time.Second
	firstPause     = time.Second
	longestPause   = 30 * time.Second // also when the receiver asks for more
	maxAnswer      = 64 << 10         // bytes that are read, so that the connection can be used again
)

// ParseURL checks an address that messages or measurements are sent to.
func ParseURL(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	switch {
	case err != nil:
		return nil, errors.New("it is no URL") // the error repeats the text, which may be secret
	case u.Scheme != "https" && u.Scheme != "http" || u.Host == "":
		return nil, errors.New("it does not begin with https:// or http:// and a host")
	}
	return u, nil
}

// Send delivers a message. It tries again, four times in all, when the receiver may take it later: no answer, 408, 425,
// 429 or 5xx. Redirects are refused, since they would carry the message somewhere else.
func (w *Webhook) Send(ctx context.Context, m Message) error {
	to, err := ParseURL(w.URL)
	if err != nil {
		return fmt.Errorf("the URL of the webhook cannot be used: %w", err)
	}
	body, err := m.JSON()
	if w.Slack {
		body, err = m.Slack()
	}
	if err != nil {
		return err
	}
	pause := w.Pause
	if pause == nil {
		pause = wait
	}
	client := plainClient(w.Timeout)
	defer client.CloseIdleConnections()
	next := firstPause
	for attempt := 1; ; attempt++ {
		again, after, err := w.once(ctx, client, to, m.ID, body)
		if err == nil {
			return nil
		}
		if !again || attempt == attempts || ctx.Err() != nil {
			return fmt.Errorf("the webhook at %s did not take the message: %w", to.Host, err)
		}
		d := min(max(after, next/2+rand.N(next)), longestPause)
		if err := pause(ctx, d); err != nil {
			return fmt.Errorf("the webhook at %s did not take the message: %w", to.Host, err)
		}
		next *= 2
	}
}

func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}

// plainClient follows no redirect and gives up in time.
func plainClient(timeout time.Duration) *http.Client {
	if timeout <= 0 {
		timeout = attemptTimeout
	}
	return &http.Client{Timeout: timeout, Transport: http.DefaultTransport.(*http.Transport).Clone(), CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// once makes one attempt. It reports whether another one may succeed, and after what time.
func (w *Webhook) once(ctx context.Context, client *http.Client, to *url.URL, id string, body []byte) (again bool, after time.Duration, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, to.String(), bytes.NewReader(body))
	if err != nil {
		return false, 0, errors.New("the request cannot be made")
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", w.UserAgent)
	if w.UserAgent == "" {
		r.Header.Set("User-Agent", "meshplan")
	}
	r.Header.Set(HeaderDelivery, id)
	now := time.Now
	if w.Now != nil {
		now = w.Now
	}
	stamp := strconv.FormatInt(now().Unix(), 10)
	r.Header.Set(HeaderTimestamp, stamp)
	if len(w.Secret) > 0 {
		r.Header.Set(HeaderSignature, Sign(w.Secret, stamp, body))
	}
	answer, err := client.Do(r)
	if err != nil {
		return true, 0, withoutURL(err)
	}
	defer answer.Body.Close()
	_, _ = io.CopyN(io.Discard, answer.Body, maxAnswer)
	return judge(answer)
}

// judge says what an answer means.
func judge(answer *http.Response) (again bool, after time.Duration, err error) {
	code := answer.StatusCode
	switch {
	case code >= 200 && code < 300:
		return false, 0, nil
	case code >= 300 && code < 400:
		return false, 0, fmt.Errorf("it answered with a redirect (%d), which is not followed; give the final address", code)
	case code == http.StatusTooManyRequests, code == http.StatusRequestTimeout, code == http.StatusTooEarly, code >= 500:
		if s, err := strconv.Atoi(answer.Header.Get("Retry-After")); err == nil && s > 0 {
			after = time.Duration(min(s, int(longestPause/time.Second))) * time.Second
		}
		return true, after, fmt.Errorf("it answered with %d %s", code, http.StatusText(code))
	}
	return false, 0, fmt.Errorf("it answered with %d %s", code, http.StatusText(code))
}

// withoutURL returns the reason in an error of net/http, which names the whole URL.
func withoutURL(err error) error {
	var e *url.Error
	if errors.As(err, &e) {
		if e.Timeout() {
			return errors.New("it did not answer in time")
		}
		return e.Err
	}
	return err
}

// Sign returns the value of HeaderSignature.
func Sign(secret []byte, timestamp string, body []byte) string {
	h := hmac.New(sha256.New, secret)
	h.Write([]byte(timestamp))
	h.Write([]byte{'.'})
	h.Write(body)
	return "sha256=" + hex.EncodeToString(h.Sum(nil))
}
