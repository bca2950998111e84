package kube

import (
	"context"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/watch"
)

// watches holds one stream of changes per kind and namespace, for as long as anybody waits there. The zero value is
// empty.
type watches struct {
	mu      sync.Mutex // guards streams and all fields of the streams
	streams map[inventoryKey]*stream
}

// stream is one watch and those who listen to it. While a single object is listened to, the watch asks for that one
// only.
type stream struct {
	subscribers map[*subscription]bool
	version     string // where the next watch goes on
	cancel      context.CancelFunc
	restart     context.CancelFunc // ends the present watch, so that the next asks for more
	only        string             // the one object that the present watch asks for
	running     bool
	watching    bool // the present watch delivers
}

// news is what a subscriber is told.
type news struct {
	object  *unstructured.Unstructured
	deleted bool
	unsure  bool // events may be missing: look for yourself
}

// subscription is one who waits for one object. News has room for one message: a later one replaces it.
type subscription struct {
	news    chan news
	cluster *Cluster
	mapping Mapping
	key     inventoryKey
	name    string
}

// subscribe begins to collect the changes of an object. Nothing is sent before start.
func (w *watches) subscribe(c *Cluster, m Mapping, r Ref) *subscription {
	s := &subscription{news: make(chan news, 1), cluster: c, mapping: m, key: inventoryKey{m.Resource, r.Namespace}, name: r.Name}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.streams == nil {
		w.streams = map[inventoryKey]*stream{}
	}
	at := w.streams[s.key]
	if at == nil {
		at = &stream{subscribers: map[*subscription]bool{}}
		w.streams[s.key] = at
	}
	at.subscribers[s] = true
	if at.restart != nil && at.only != "" && at.only != r.Name {
		at.watching = false
		at.restart()
	}
	return s
}

// start makes sure that the stream runs. Live is the object as the subscriber found it; what changed since will be told.
func (s *subscription) start(live *unstructured.Unstructured) {
	w := &s.cluster.watches
	w.mu.Lock()
	defer w.mu.Unlock()
	at := w.streams[s.key]
	if at.running {
		return
	}
	if live != nil {
		at.version = live.GetResourceVersion()
	}
	ctx, cancel := context.WithCancel(context.Background()) // the stream outlives whoever started it; close ends it
	at.running, at.cancel = true, cancel
	go w.run(ctx, s.cluster, s.mapping, s.key, at)
}

// watched reports whether changes arrive by themselves.
func (s *subscription) watched() bool {
	w := &s.cluster.watches
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.streams[s.key].watching
}

// close ends the subscription, and the stream with the last one.
func (s *subscription) close() {
	w := &s.cluster.watches
	w.mu.Lock()
	defer w.mu.Unlock()
	at := w.streams[s.key]
	delete(at.subscribers, s)
	if len(at.subscribers) > 0 {
		return
	}
	if at.cancel != nil {
		at.cancel()
	}
	delete(w.streams, s.key)
}

// run watches until ctx ends or watching turns out to be forbidden. Whoever waits polls whenever no watch delivers.
func (w *watches) run(ctx context.Context, c *Cluster, m Mapping, key inventoryKey, at *stream) {
	for pause := pollFirst; ctx.Err() == nil; {
		began := time.Now()
		err := w.watch(ctx, c, m, key, at)
		if apierrors.IsForbidden(err) || apierrors.IsMethodNotSupported(err) || ctx.Err() != nil {
			return
		}
		if time.Since(began) > pollMost {
			pause = pollFirst // it worked for a while
		}
		if err == nil {
			continue
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
		pause = min(2*pause, pollMost)
	}
}

// watch is one watch from beginning to end. Nil means that it was ended to ask for more.
func (w *watches) watch(ctx context.Context, c *Cluster, m Mapping, key inventoryKey, at *stream) error {
	client, err := c.resource(m, key.namespace)
	if err != nil {
		return err
	}
	inner, restart := context.WithCancel(ctx)
	defer restart()
	w.mu.Lock()
	at.only, at.restart = "", restart
	names := map[string]bool{}
	for s := range at.subscribers {
		names[s.name], at.only = true, s.name
	}
	opts := metav1.ListOptions{ResourceVersion: at.version, AllowWatchBookmarks: true}
	if len(names) > 1 {
		at.only = ""
	} else {
		opts.FieldSelector = "metadata.name=" + at.only
	}
	w.mu.Unlock()
	defer func() {
		w.mu.Lock()
		at.watching, at.restart = false, nil
		w.mu.Unlock()
	}()
	fresh := opts.ResourceVersion == ""
	if fresh {
		list, err := client.List(inner, metav1.ListOptions{Limit: 1, FieldSelector: opts.FieldSelector})
		if err != nil {
			return err
		}
		opts.ResourceVersion = list.GetResourceVersion()
	}
	events, err := client.Watch(inner, opts)
	if err != nil {
		if apierrors.IsResourceExpired(err) || apierrors.IsGone(err) {
			w.lost(at)
		}
		return err
	}
	defer events.Stop()
	w.mu.Lock()
	at.watching, at.version = true, opts.ResourceVersion
	w.mu.Unlock()
	if fresh {
		w.tell(at, "", news{unsure: true})
	}
	for event := range events.ResultChan() {
		object, ok := event.Object.(*unstructured.Unstructured)
		if event.Type == watch.Error || !ok {
			w.lost(at)
			return apierrors.FromObject(event.Object)
		}
		w.mu.Lock()
		at.version = object.GetResourceVersion()
		w.mu.Unlock()
		if event.Type != watch.Bookmark {
			w.tell(at, object.GetName(), news{object: object, deleted: event.Type == watch.Deleted})
		}
	}
	if inner.Err() != nil && ctx.Err() == nil {
		return nil
	}
	return context.Canceled // the server or the network ended it: go on after a pause
}

// lost forgets where the watch was: the server does not remember what happened since.
func (w *watches) lost(at *stream) {
	w.mu.Lock()
	at.version = ""
	w.mu.Unlock()
	w.tell(at, "", news{unsure: true})
}

// tell passes news on to those who wait for an object; no name means all.
func (w *watches) tell(at *stream, name string, n news) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for s := range at.subscribers {
		if name != "" && s.name != name {
			continue
		}
		select {
		case <-s.news: // an older one, not yet read
		default:
		}
		s.news <- n // only tell sends, and it holds the lock: there is room
	}
}
