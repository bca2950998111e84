package kubestore

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/meshplan/meshplan/state"
	"github.com/meshplan/meshplan/state/ledger"
)

// Options say where the state is and how it is kept. Namespace is needed; everything else has a default.
type Options struct {
	Namespace string
	// Name tells the states of a namespace apart; empty means "default".
	Name string
	// Kubeconfig is the path of one kubeconfig file; empty means the usual rules.
	Kubeconfig string
	// Context names a context of the kubeconfig; empty means its current one.
	Context string
	// InCluster uses the service account of the pod and no kubeconfig.
	InCluster bool
	// LeaseDuration is after how long without a renewal others may take the lock; 0 means a minute.
	LeaseDuration time.Duration
	// Keep says how long steps and summaries of runs are kept.
	Keep ledger.Retention
	// Keys seal and open the values; nil means that the state is not sealed.
	Keys state.Keys
	// UserAgent identifies the program to the API server; empty means "meshplan".
	UserAgent string
	// Waiting is told, for people, that the server does not answer and requests are repeated, and that it answers again;
	// nil means that nobody listens. It may be called from several goroutines at once.
	Waiting func(text string)
	// Reached is told the boundaries at which a process may die without harm; nil means that nobody listens.
	Reached ledger.Reached
	// Now is the clock for the end of runs; nil means time.Now.
	Now func() time.Time
}

// Store is a state in a cluster. It is safe for concurrent use.
type Store struct {
	o      Options
	base   string // the name of head and lease
	limits limits

	once   sync.Once
	client *client
	failed error

	mu    sync.Mutex // guards parts
	parts map[string]*part
}

var (
	_ state.Store    = (*Store)(nil)
	_ state.Prober   = (*Store)(nil)
	_ state.Dumper   = (*Store)(nil)
	_ state.Unlocker = (*Store)(nil)
)

// Open returns a store. It makes no request: a cluster that cannot be reached shows with the first call.
func Open(o Options) (*Store, error) {
	if o.Name == "" {
		o.Name = "default"
	}
	if o.LeaseDuration <= 0 {
		o.LeaseDuration = time.Minute
	}
	if o.UserAgent == "" {
		o.UserAgent = "meshplan"
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if problems := validation.IsDNS1123Label(o.Namespace); len(problems) > 0 {
		return nil, fmt.Errorf("%q is no namespace: %s", o.Namespace, problems[0])
	}
	if problems := validation.IsDNS1123Label(o.Name); len(problems) > 0 || len(o.Name) > maxName {
		return nil, fmt.Errorf("%q is no name for a state: it may have up to %d lower-case letters, digits and hyphens", o.Name, maxName)
	}
	if o.LeaseDuration < minLease || o.LeaseDuration > maxLease {
		return nil, fmt.Errorf("the duration of the lease must be between %s and %s, not %s", minLease, maxLease, o.LeaseDuration)
	}
	return &Store{o: o, base: "meshplan-" + o.Name, parts: map[string]*part{},
		limits: limits{tail: 64 << 10, part: 1 << 20, fold: 4 << 20}}, nil
}

// limits are the sizes, before compression, at which data moves on.
type limits struct {
	tail int // of the tail, before it makes a log part
	part int // of a part, before another one begins; small log parts grow up to half of it
	fold int // of changes, that are collected at least before tables are written anew
}

const (
	maxName  = 40
	minLease = time.Second
	maxLease = time.Hour
)

// String names the place of the state.
func (s *Store) String() string { return s.o.Namespace + "/" + s.base }

// Close releases nothing: connections are shared and idle ones close by themselves.
func (s *Store) Close() error { return nil }

// connect makes the client, once.
func (s *Store) connect() (*client, error) {
	s.once.Do(func() { s.client, s.failed = newClient(&s.o, s.base) })
	return s.client, s.failed
}

// Snapshot implements state.Store.
func (s *Store) Snapshot(ctx context.Context) (*state.Snapshot, error) {
	return s.reader().Snapshot(ctx)
}

// Runs implements state.Store.
func (s *Store) Runs(ctx context.Context) ([]state.Run, error) { return s.reader().Runs(ctx) }

// Journal implements state.Store.
func (s *Store) Journal(ctx context.Context, id state.RunID) (*state.Journal, error) {
	return s.reader().Journal(ctx, id)
}

// KeepsSecrets implements state.SecretKeeper.
func (s *Store) KeepsSecrets() bool { return s.o.Keys != nil }

// Dump implements state.Dumper.
func (s *Store) Dump(ctx context.Context) (*state.Dump, error) { return s.reader().Dump(ctx) }

func (s *Store) reader() *ledger.Reader {
	return &ledger.Reader{View: s.view, Damaged: s.damaged, Keys: s.o.Keys}
}

// damaged leaves trouble on the way to the cluster as it is.
func (s *Store) damaged(err error) error {
	var corrupt *state.CorruptError
	var format *state.FormatError
	var trouble *troubleError
	switch {
	case errors.As(err, &corrupt), errors.As(err, &format), errors.As(err, &trouble), errors.Is(err, state.ErrLost):
		return err
	}
	return &state.CorruptError{Path: s.String(), Err: fmt.Errorf("%w; bring a backup back with \"meshplan state push FILE\", or rebuild the records with \"meshplan state recover\"", err)}
}

// maxRestarts bounds how often a reader begins again because the state has moved on.
const maxRestarts = 20

// view calls fn with the present state; see ledger.Reader. It may call fn several times.
func (s *Store) view(ctx context.Context, fn func(ledger.Tx) error) error {
	c, err := s.connect()
	if err != nil {
		return &troubleError{err}
	}
	for attempt := 0; ; attempt++ {
		h, err := c.head(ctx)
		if err != nil {
			return s.damaged(err)
		}
		t, err := s.load(ctx, c, h)
		if err == nil {
			if err = ledger.CheckFormat(t, s.String()); err == nil {
				err = fn(t)
			}
		}
		var gone *goneError
		if !errors.As(err, &gone) || attempt >= maxRestarts {
			if err == nil {
				return nil
			}
			return s.damaged(err)
		}
		now, headErr := c.head(ctx)
		if headErr != nil {
			return s.damaged(headErr)
		}
		if now.version == h.version {
			return s.damaged(err)
		}
	}
}

// Lock implements state.Store. Errors: *state.LockedError, the cause of ctx. A lock whose holder seems to be dead is
// waited for, once for its duration, even when wait is shorter.
func (s *Store) Lock(ctx context.Context, holder state.Holder, wait time.Duration) (state.Session, error) {
	c, err := s.connect()
	if err != nil {
		return nil, &troubleError{err}
	}
	l, err := acquire(ctx, c, holder, s.o.LeaseDuration, wait)
	if err != nil {
		return nil, err
	}
	session, err := s.begin(ctx, c, l, holder)
	if err != nil {
		return nil, errors.Join(err, l.release())
	}
	return session, nil
}

// Locked implements state.Prober. A lock that has not been renewed for its duration, by this machine's clock, counts as
// free.
func (s *Store) Locked(ctx context.Context) (bool, state.Holder, error) {
	c, err := s.connect()
	if err != nil {
		return false, state.Holder{}, &troubleError{err}
	}
	l, err := c.lease(ctx)
	if err != nil || l == nil || l.holder == "" || l.expired(time.Now()) {
		return false, state.Holder{}, err
	}
	return true, l.who, nil
}

// ForceUnlock implements state.Unlocker.
func (s *Store) ForceUnlock(ctx context.Context, id string) error {
	c, err := s.connect()
	if err != nil {
		return &troubleError{err}
	}
	l, err := c.lease(ctx)
	switch {
	case err != nil:
		return err
	case l == nil || l.holder == "":
		return state.ErrNotLocked
	case l.holder != id:
		return &state.LockedError{Holder: l.who}
	}
	l.holder, l.who = "", state.Holder{}
	if _, err = c.updateLease(ctx, l); err != nil {
		return final(err)
	}
	return c.fence(ctx)
}
