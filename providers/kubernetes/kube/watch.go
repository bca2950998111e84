package kube

import (
	"context"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/watch"
)

// The pace of looking at an object without a watch, and of looking again in spite of one: what is waited for may show in
// other objects.
const (
	pollFirst = 500 * time.Millisecond
	pollMost  = 5 * time.Second
)

// observe calls look with the object, nil when it does not exist, at every change and now and then, until look says
// that it is done or fails, or ctx ends (then its error is returned). Without the right to watch it polls.
func (c *Cluster) observe(ctx context.Context, r Ref, look func(*unstructured.Unstructured) (done bool, err error)) error {
	pause := pollFirst
	for {
		live, err := c.Get(ctx, r)
		if err != nil {
			return err
		}
		if done, err := look(live); done || err != nil {
			return err
		}
		version := ""
		if live != nil {
			version = live.GetResourceVersion()
		}
		c.changed(ctx, r, version, pause)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		pause = min(pause*3/2, pollMost)
	}
}

// changed returns when the object changed after a version, or at the latest after the pause.
func (c *Cluster) changed(ctx context.Context, r Ref, version string, pause time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, pause)
	defer cancel()
	m, err := c.Mapping(ctx, r.GVK())
	if err == nil && !m.Planned && version != "" {
		if client, err := c.resource(m, r.Namespace); err == nil {
			w, err := client.Watch(ctx, metav1.ListOptions{FieldSelector: "metadata.name=" + r.Name, ResourceVersion: version})
			if err == nil {
				defer w.Stop()
				select {
				case event, open := <-w.ResultChan():
					if open && event.Type != watch.Error {
						return
					}
				case <-ctx.Done():
					return
				}
			}
		}
	}
	<-ctx.Done() // no watch: the pause is the pace
}
