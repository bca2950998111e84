package kube

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/resourceversion"
)

// The pace of looking at an object without a watch, and of looking again in spite of one: what is waited for may show in
// other objects.
const (
	pollFirst = 500 * time.Millisecond
	pollMost  = 5 * time.Second
)

// observe calls look with the object, nil when it does not exist, at every change and now and then, until look says
// that it is done or fails, or ctx ends (then its error is returned). All who observe objects of one kind in one
// namespace share a watch; without the right to watch they poll.
func (c *Cluster) observe(ctx context.Context, r Ref, look func(*unstructured.Unstructured) (done bool, err error)) error {
	m, err := c.Mapping(ctx, r.GVK())
	if err != nil || m.Planned {
		return c.poll(ctx, r, look) // the kind may come
	}
	sub := c.watches.subscribe(c, m, r)
	defer sub.close()
	live, err := c.Get(ctx, r)
	if err != nil {
		return err
	}
	sub.start(live)
	pause := pollFirst
	for {
		if done, err := look(live); done || err != nil {
			return err
		}
		again := false
		select {
		case <-ctx.Done():
			return ctx.Err()
		case now := <-sub.news:
			if again = now.unsure; !again && !older(now.object, live) {
				live = now.object
				if now.deleted {
					live = nil
				}
			}
		case <-time.After(pause):
			again = !sub.watched()
		}
		if again {
			if live, err = c.Get(ctx, r); err != nil {
				return err
			}
		}
		pause = min(pause*3/2, pollMost)
	}
}

// poll is observe by looking alone.
func (c *Cluster) poll(ctx context.Context, r Ref, look func(*unstructured.Unstructured) (done bool, err error)) error {
	for pause := pollFirst; ; pause = min(pause*3/2, pollMost) {
		live, err := c.Get(ctx, r)
		if err != nil {
			return err
		}
		if done, err := look(live); done || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}

// older reports whether an event tells less than what is known already.
func older(event, known *unstructured.Unstructured) bool {
	if event == nil || known == nil {
		return false
	}
	n, err := resourceversion.CompareResourceVersion(event.GetResourceVersion(), known.GetResourceVersion())
	return err == nil && n < 0
}
