package statetest

import (
	"testing"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/state"
)

// secrets hands secrets over in every way that there is: a sealed store keeps them, any other drops them, and they go
// when the seal goes.
func secrets(t *testing.T, h Harness) {
	secret := func(n int) *state.Record {
		r := Record(At(n), "v")
		r.Secret = []byte("planted")
		return r
	}
	write := func(f *fixture) {
		session, err := f.store.Lock(ctx, someone, h.Patience)
		f.ok(err)
		defer session.Unlock()
		f.ok(session.Adopt(own))
		f.ok(session.Edit([]*state.Record{secret(0)}, nil))
		w := f.begin(session)
		f.ok(w.Settle([]*state.Record{secret(1)}, []addr.Instance{At(9)}))
		f.ok(w.Intend(state.Intent{Step: 0, Addr: At(2), Op: "update", Before: secret(2)}))
		f.ok(w.Checkpoint(0, secret(2)))
		f.ok(w.Record(state.Outcome{Step: 0, Addr: At(2), After: secret(2)}))
		f.ok(w.Finish(state.Finish{Result: state.Succeeded}))
	}
	count := func(f *fixture) (n int) {
		has := func(r *state.Record) {
			if string(r.Secret) == "planted" {
				n++
			}
		}
		for _, r := range f.snapshot().Records {
			has(r)
		}
		j, err := f.store.Journal(ctx, 1)
		f.ok(err)
		has(j.Steps[0].Intent.Before)
		has(j.Steps[0].Outcome.After)
		return n
	}
	keeps := func(s state.Store) bool {
		k, ok := s.(state.SecretKeeper)
		return ok && k.KeepsSecrets()
	}
	clear := open(t, h, "clear", Options{})
	write(clear)
	if n := count(clear); n != 0 || keeps(clear.store) {
		t.Errorf("a store that does not seal keeps %d secrets", n)
	}
	safe := open(t, h, "safe", Options{Keys: fakeKeys(1)})
	write(safe)
	if n := count(safe); n != 5 || !keeps(safe.store) {
		t.Errorf("a store that seals keeps %d of 5 secrets", n)
	}
	dump, err := safe.store.(state.Dumper).Dump(ctx)
	safe.ok(err)
	copied := open(t, h, "copy", Options{})
	session, err := copied.store.Lock(ctx, someone, h.Patience)
	copied.ok(err)
	copied.ok(session.(state.Loader).Load(dump))
	copied.ok(session.Unlock())
	if n := count(copied); n != 0 {
		t.Errorf("a copy in the clear has %d secrets", n)
	}
	session, err = safe.store.Lock(ctx, someone, h.Patience)
	safe.ok(err)
	safe.ok(session.(state.Resealer).Reseal(nil))
	safe.ok(session.Unlock())
	if n := count(open(t, h, "safe", Options{})); n != 0 {
		t.Errorf("without the seal there are %d secrets", n)
	}
}
