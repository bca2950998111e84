// Package memory is a provider of objects that live in a World: a map, or a small file shared by processes. It serves
// tests, benchmarks and examples that need a system without a cluster, and fails on demand.
//
// The central idea: a World is the system, apart from the provider that manages it, so that a test can look at it,
// change it behind the provider's back (drift) and make any operation fail or stop half-way.
package memory

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"sync"
)

// World holds objects by name. It is safe for concurrent use.
type World struct {
	path string

	mu      sync.Mutex // guards the fields below
	objects map[string]Object
	serial  int
	fault   Fault
	wait    Wait
	log     []string
}

// Object is what a memory_object has become.
type Object struct {
	ID      string `json:"id"`
	Owner   string `json:"owner"` // lineage and address of the creator
	Input   string `json:"input"` // JSON of type and value
	Secret  string `json:"secret,omitempty"`
	Version int    `json:"version"`
}

// Fault decides whether an operation (create, update, delete, read, plan) on a name fails. After says that the effect
// takes place before the error is returned, as when an answer is lost.
type Fault func(op, name string) (err error, after bool)

// Wait is called after an object was created or updated, while its step waits for the object to become ready.
type Wait func(ctx context.Context, name string) error

// SetWait makes creations and updates wait; nil ends it.
func (w *World) SetWait(f Wait) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.wait = f
}

func (w *World) waiter() Wait {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.wait
}

// NewWorld returns an empty world in memory.
func NewWorld() *World { return &World{objects: map[string]Object{}} }

// OpenWorld returns a world that is kept in a file, so that several processes in turn can use it. The file need not
// exist.
func OpenWorld(path string) (*World, error) {
	w := NewWorld()
	w.path = path
	b, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return w, nil
	}
	if err != nil {
		return nil, err
	}
	var stored struct {
		Serial  int
		Objects map[string]Object
	}
	if err := json.Unmarshal(b, &stored); err != nil {
		return nil, fmt.Errorf("reading the world in %s: %w", path, err)
	}
	w.serial = stored.Serial
	if stored.Objects != nil {
		w.objects = stored.Objects
	}
	return w, nil
}

// save writes the file of a world that has one. The caller holds the mutex.
func (w *World) save() error {
	if w.path == "" {
		return nil
	}
	b, err := json.MarshalIndent(map[string]any{"Serial": w.serial, "Objects": w.objects}, "", "  ")
	if err != nil {
		return err
	}
	next := w.path + ".next" // a run may be killed at any instruction, and its world must survive that
	if err := os.WriteFile(next, b, 0o600); err != nil {
		return err
	}
	return os.Rename(next, w.path)
}

// SetFault makes operations fail; nil ends it.
func (w *World) SetFault(f Fault) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fault = f
}

// Names returns the names of all objects, sorted.
func (w *World) Names() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Sorted(maps.Keys(w.objects))
}

// Objects returns a copy of all objects.
func (w *World) Objects() map[string]Object {
	w.mu.Lock()
	defer w.mu.Unlock()
	return maps.Clone(w.objects)
}

// Put changes or creates an object behind the provider's back.
func (w *World) Put(name string, o Object) {
	w.mu.Lock()
	defer w.mu.Unlock()
	o.Version++
	w.objects[name] = o
	_ = w.save()
}

// Remove deletes an object behind the provider's back.
func (w *World) Remove(name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.objects, name)
	_ = w.save()
}

// Log returns the writes so far as `op name`, in order, and starts a new log.
func (w *World) Log() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := w.log
	w.log = nil
	return out
}

func (w *World) get(name string) (Object, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	o, ok := w.objects[name]
	return o, ok
}

// check asks the fault about an operation without effect.
func (w *World) check(op, name string) error {
	w.mu.Lock()
	f := w.fault
	w.mu.Unlock()
	if f == nil {
		return nil
	}
	err, _ := f(op, name)
	return err
}

// write carries an operation out, unless the fault stops it before.
func (w *World) write(op, name string, effect func(o Object) (Object, bool)) (Object, error) {
	w.mu.Lock()
	f := w.fault
	w.mu.Unlock()
	var failure error
	if f != nil {
		err, after := f(op, name)
		if err != nil && !after {
			return Object{}, err
		}
		failure = err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	o, keep := effect(w.objects[name])
	if keep {
		if o.ID == "" {
			w.serial++
			o.ID = fmt.Sprintf("id-%d", w.serial)
		}
		o.Version++
		w.objects[name] = o
	} else {
		delete(w.objects, name)
	}
	w.log = append(w.log, op+" "+name)
	if err := w.save(); err != nil {
		return o, err
	}
	return o, failure
}
