package engine

import (
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/sealed"
	"github.com/meshplan/meshplan/plans"
	"github.com/meshplan/meshplan/state"
)

// keepsSecrets reports whether the store encrypts what it keeps, so that it may be given secrets.
func (e *Engine) keepsSecrets() bool {
	k, ok := e.store.(state.SecretKeeper)
	return ok && k.KeepsSecrets()
}

// secrets returns a value with its secrets, for a store that may have them, and nil for every other one and for values
// without secrets. What is not known now, because a plan file left it out or nobody could read it, is taken over from
// the record before if that is still the same secret.
func (a *applier) secrets(c *plans.Change, v cty.Value) ([]byte, error) {
	if !a.engine.keepsSecrets() {
		return nil, nil
	}
	v = sealed.WithoutEphemeral(v)
	s := sealed.Seal(v, a.identity.Key)
	if len(s.Secrets) == 0 {
		return nil, nil
	}
	if full, missing := s.Reveal(v, a.identity.Key); len(missing) == 0 {
		plain, _ := unmark(full)
		return a.encoder.Encode(sealed.Value{Plain: plain})
	}
	if rec := a.records[c.Addr]; rec != nil {
		return rec.Record.Secret, nil
	}
	return nil, nil
}

// kept returns the value of a record with its secrets, if they were kept.
func (w *world) kept(r *state.Record) (cty.Value, bool) {
	if len(r.Secret) == 0 {
		return cty.NilVal, false
	}
	v, err := w.decoder.Decode(r.Secret)
	return v.Plain, err == nil
}
