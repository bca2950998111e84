package kubestore

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/meshplan/meshplan/state"
	"github.com/meshplan/meshplan/state/ledger"
)

// linger is how long a group of writes waits for others: much less than a request takes.
const linger = time.Millisecond

// committer owns the head while a session lasts. Its fields belong to the goroutine of the line.
type committer struct {
	store  *Store
	client *client
	held   *held
	reader *ledger.Reader
	ctx    context.Context // ends when the lease is lost

	head *head // as it lies in the cluster
	tree *tree // what it means; nil when the cluster has to be asked first
}

// kubeSession is a ledger.Session that can be lost.
type kubeSession struct {
	*ledger.Session
	commits *committer
}

var (
	_ state.Fragile  = (*kubeSession)(nil)
	_ state.Resealer = (*kubeSession)(nil)
)

// Lost implements state.Fragile.
func (s *kubeSession) Lost() <-chan struct{} { return s.commits.held.lost }

// begin starts a session on a lease. It replaces the head, so that a write of the former holder that is still on its
// way fails.
func (s *Store) begin(ctx context.Context, c *client, l *held, holder state.Holder) (*kubeSession, error) {
	own, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	go func() {
		select {
		case <-l.lost:
			cancel(state.ErrLost)
		case <-own.Done():
		}
	}()
	reader := s.reader()
	k := &committer{store: s, client: c, held: l, reader: reader, ctx: own}
	if err := k.fence(ctx); err != nil {
		cancel(err)
		return nil, err
	}
	out := &kubeSession{commits: k}
	out.Session = &ledger.Session{Reader: reader, Commits: ledger.NewLine(linger, k.try), Holder: holder, Keep: s.o.Keep, Now: s.o.Now, Reached: s.o.Reached,
		End: func() error {
			k.tidy()
			cancel(nil)
			return l.release()
		}}
	return out, nil
}

// fence makes the head ours. A state that does not exist yet needs no fence: creating it excludes others. After a
// takeover it also deletes the parts that the former holder left without a head.
func (k *committer) fence(ctx context.Context) error {
	for {
		h, err := k.client.head(ctx)
		if errors.Is(err, ledger.ErrAbsent) {
			k.head = &head{Layout: layout}
			if k.held.takeover {
				k.sweep(ctx, k.head)
			}
			return nil
		}
		if err != nil {
			return k.store.damaged(err)
		}
		k.head = h
		next := *h
		switch err := k.replace(&next); {
		case errors.Is(err, errConflict): // the former holder's last write arrived
			continue
		case err != nil:
			return err
		}
		if k.held.takeover {
			k.sweep(ctx, k.head)
		}
		return nil
	}
}

// errConflict says that somebody else has replaced the head.
var errConflict = errors.New("the state in the cluster was changed by somebody else")

// replace commits a head in place of the present one. It is repeated until it is known to have happened or not, or the
// lease is lost. Errors: errConflict, state.ErrLost.
func (k *committer) replace(next *head) error {
	next.Mark = rand.Text()
	content, err := encodeHead(next)
	if err != nil {
		return err
	}
	for pause := retryFirst; ; pause = min(2*pause, retryMost) {
		if k.held.isLost() {
			return state.ErrLost
		}
		version, err := k.replaceOnce(content)
		if err == nil {
			next.version = version
			k.head = next
			return nil
		}
		if !transient(err) && !apierrors.IsConflict(err) && !apierrors.IsAlreadyExists(err) {
			return final(err)
		}
		// It may have happened: the head says so.
		now, lookErr := k.client.head(k.ctx)
		switch {
		case lookErr == nil && now.Mark == next.Mark:
			next.version = now.version
			k.head = next
			return nil
		case lookErr == nil && now.version != k.head.version, errors.Is(lookErr, ledger.ErrAbsent) && k.head.version != "":
			return errConflict
		case lookErr != nil && !errors.Is(lookErr, ledger.ErrAbsent) && !isTrouble(lookErr):
			return lookErr
		}
		select {
		case <-k.ctx.Done():
			return state.ErrLost
		case <-time.After(pause):
		}
	}
}

func isTrouble(err error) bool {
	var trouble *troubleError
	return errors.As(err, &trouble)
}

func (k *committer) replaceOnce(content []byte) (version string, err error) {
	ctx, cancel := context.WithDeadline(k.ctx, k.held.deadline())
	defer cancel()
	err = once(ctx, func(ctx context.Context) error {
		object := k.client.object(k.client.base, "head", content, k.head.version)
		if k.head.version == "" {
			u, err := k.client.secrets.Create(ctx, object, metav1.CreateOptions{})
			if err == nil {
				version = u.GetResourceVersion()
			}
			return err
		}
		u, err := k.client.secrets.Update(ctx, object, metav1.UpdateOptions{})
		if err == nil {
			version = u.GetResourceVersion()
		}
		return err
	})
	return version, err
}

// try carries out a group of writes in one commit; see ledger.NewLine.
func (k *committer) try(group []ledger.Write) (failed int, err error) {
	if k.held.isLost() {
		return -1, state.ErrLost
	}
	if err := k.open(); err != nil {
		return -1, err
	}
	next := k.tree.clone()
	if k.head.version == "" {
		if err := ledger.Init(next); err != nil {
			return -1, err
		}
	} else if err := ledger.CheckFormat(next, k.store.String()); err != nil {
		return -1, k.store.damaged(err)
	}
	t, err := ledger.NewTxn(next, k.reader.Keys)
	if err != nil {
		return -1, k.explain(err)
	}
	for i, write := range group {
		if err := write(t); err != nil {
			if isTrouble(err) || isGone(err) {
				return -1, k.explain(err)
			}
			return i, err
		}
	}
	if err := t.Finish(); err != nil {
		return -1, err
	}
	if err := k.commit(next); err != nil {
		k.tree = nil
		return -1, k.explain(err)
	}
	t.Committed()
	return -1, nil
}

func isGone(err error) bool {
	var gone *goneError
	return errors.As(err, &gone)
}

// explain turns what only happens without the lock into state.ErrLost.
func (k *committer) explain(err error) error {
	if errors.Is(err, errConflict) || isGone(err) {
		k.held.lose()
	}
	if k.held.isLost() {
		return fmt.Errorf("%w: %w", state.ErrLost, err)
	}
	return err
}

// open makes sure that the tree is what lies in the cluster.
func (k *committer) open() error {
	if k.tree != nil {
		return nil
	}
	if k.head.version == "" {
		k.tree = k.store.tree(k.ctx, k.client, nil)
		return nil
	}
	t, err := k.store.load(k.ctx, k.client, k.head)
	if err != nil {
		return k.explain(k.store.damaged(err))
	}
	k.tree = t
	return nil
}

// commit stores what next has changed.
func (k *committer) commit(next *tree) error {
	h := *k.head
	var added []byte
	for _, c := range next.log {
		added = appendChange(added, c)
	}
	if len(h.Tail)+len(added) <= k.store.limits.tail {
		h.Tail = slices.Concat(h.Tail, added)
		if err := k.replace(&h); err != nil {
			return err
		}
		k.tree = next
		next.log = nil
		return nil
	}
	h.Old = nil
	var err error
	if outweighs := bytesOf(h.Logs) + len(h.Tail) + len(added); outweighs > max(k.store.limits.fold, bytesOf(h.Tables)/2) {
		err = k.fold(&h, next)
	} else {
		err = k.spill(&h, next)
	}
	if err != nil {
		return err
	}
	h.Old = k.unnamed(&h)
	k.tidy() // what the last spill replaced: readers have had time to notice
	k.store.o.Reached.After("parts")
	if err := k.replace(&h); err != nil {
		return err
	}
	k.store.o.Reached.After("head")
	next.log = nil
	k.tree = next
	if len(h.Old) > 0 {
		k.store.forget(&h)
	}
	return nil
}

// unnamed lists the parts that the present head names and the next does not.
func (k *committer) unnamed(next *head) (old []string) {
	named := map[string]bool{}
	for _, r := range slices.Concat(next.Tables, next.Logs) {
		named[r.Name] = true
	}
	for _, r := range slices.Concat(k.head.Tables, k.head.Logs) {
		if !named[r.Name] {
			old = append(old, r.names()...)
		}
	}
	return old
}

// spill turns the tail and what is added into log parts. Sixteen small ones in a row become one.
func (k *committer) spill(h *head, next *tree) error {
	var changes []change
	collect := func(raw []byte) error {
		return readChanges(raw, func(c change) error {
			changes = append(changes, c)
			return nil
		})
	}
	small := 0
	for small < len(h.Logs) && h.Logs[len(h.Logs)-1-small].Bytes < k.store.limits.part/2 {
		small++
	}
	if small >= 16 {
		from := len(h.Logs) - small
		ps, err := k.store.read(k.ctx, k.client, h.Logs[from:], false)
		if err != nil {
			return err
		}
		for _, p := range ps {
			if err := collect(p.raw); err != nil {
				return err
			}
		}
		h.Logs = slices.Clone(h.Logs[:from])
	}
	if err := collect(h.Tail); err != nil {
		return err
	}
	changes = append(changes, next.log...)
	refs, err := k.store.write(k.ctx, k.client, changes, false)
	if err != nil {
		return err
	}
	h.Logs, h.Tail = slices.Concat(h.Logs, refs), nil
	return nil
}

// tidy deletes the parts that the present head calls old. Those that stay because of trouble are found again by the
// next takeover.
func (k *committer) tidy() {
	for _, name := range k.head.Old {
		if k.held.isLost() || k.client.deletePart(k.ctx, k.client.base+"-"+name) != nil {
			return
		}
	}
	k.head.Old = nil
}

// sweep deletes the parts that a head does not name.
func (k *committer) sweep(ctx context.Context, h *head) {
	names, err := k.client.listParts(ctx)
	if err != nil {
		return // parts that stay cost room and nothing else
	}
	named := map[string]bool{}
	for _, r := range slices.Concat(h.Tables, h.Logs) {
		for _, name := range r.names() {
			named[k.client.base+"-"+name] = true
		}
	}
	for _, name := range names {
		if !named[name] && (k.held.isLost() || k.client.deletePart(ctx, name) != nil) {
			return
		}
	}
}
