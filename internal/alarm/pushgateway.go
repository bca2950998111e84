package alarm

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus/push"
)

// Pushgateway is where metrics are pushed to. Its URL may hold a user and a password, so no error shows more of it than
// its host.
type Pushgateway struct {
	URL string
	// Labels are the grouping key, beside the job "meshplan": rollouts with the same one overwrite each other.
	Labels map[string]string
	// Timeout bounds the push; 0 means ten seconds.
	Timeout time.Duration
}

// Push adds the metrics of a measurement to those that are there already (POST): what the measurement does not know
// keeps its former value.
func (p Pushgateway) Push(ctx context.Context, m Measurement) error {
	to, err := ParseURL(p.URL)
	if err != nil {
		return fmt.Errorf("the URL of the Pushgateway cannot be used: %w", err)
	}
	user := to.User
	to.User = nil
	client := plainClient(p.Timeout)
	defer client.CloseIdleConnections()
	answer := &doer{client: client}
	pusher := push.New(to.String(), "meshplan").Client(answer).Gatherer(m.Gatherer())
	if user != nil {
		password, _ := user.Password()
		pusher.BasicAuth(user.Username(), password)
	}
	for name, value := range p.Labels {
		pusher.Grouping(name, value)
	}
	err = pusher.AddContext(ctx)
	switch {
	case err == nil:
		return nil
	case answer.err != nil:
		return fmt.Errorf("the Pushgateway at %s did not take the metrics: %w", to.Host, withoutURL(answer.err))
	case answer.code != 0:
		return fmt.Errorf("the Pushgateway at %s did not take the metrics: it answered with %d %s", to.Host, answer.code, http.StatusText(answer.code))
	}
	return fmt.Errorf("the metrics cannot be pushed: %w", err)
}

// doer remembers what became of the request: the errors of package push repeat the URL and the answer.
type doer struct {
	client *http.Client
	code   int
	err    error
}

func (d *doer) Do(r *http.Request) (*http.Response, error) {
	answer, err := d.client.Do(r)
	if err != nil {
		d.err = err
		return nil, errors.New("no answer")
	}
	d.code = answer.StatusCode
	answer.Body = struct {
		io.Reader
		io.Closer
	}{io.LimitReader(answer.Body, maxAnswer), answer.Body}
	return answer, nil
}
