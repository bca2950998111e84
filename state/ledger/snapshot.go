package ledger

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/meshplan/meshplan/state"
)

// rawSnapshot is a state as it lies in the store.
type rawSnapshot struct {
	box                             *box
	meta, records, outputs, intents []entry
	lastRun                         *entry
	counts                          counts
}

func (r *rawSnapshot) copy(tx Tx, keys state.Keys) (err error) {
	if r.box, err = openBox(tx, keys); err != nil {
		return err
	}
	if r.meta, err = entriesOf(tx, Meta); err != nil {
		return err
	}
	if r.records, err = entriesOf(tx, Resources); err != nil {
		return err
	}
	if r.outputs, err = entriesOf(tx, Outputs); err != nil {
		return err
	}
	if r.intents, err = unresolvedIntents(tx); err != nil {
		return err
	}
	if r.counts, err = readCounts(tx); err != nil {
		return err
	}
	if n, m := len(r.records), len(r.intents); uint64(n) != r.counts.records || uint64(m) != r.counts.unresolved {
		return fmt.Errorf("it has %d of %d records and %d of %d unresolved intents", n, r.counts.records, m, r.counts.unresolved)
	}
	r.lastRun, err = last(tx, Runs)
	return err
}

// unresolvedIntents copies the intents that the index names from the journals.
func unresolvedIntents(tx Tx) (out []entry, err error) {
	index, err := entriesOf(tx, Unresolved)
	if err != nil {
		return nil, err
	}
	for _, e := range index {
		run, step, err := parseUnresolvedKey(e.key)
		if err != nil {
			return nil, err
		}
		key := journalKey(run, step, journalIntent)
		v, err := tx.Get(Journal, key)
		if err != nil {
			return nil, err
		}
		if v == nil {
			return nil, fmt.Errorf("the intent of step %d of run %d is missing", step, run)
		}
		out = append(out, clone(Journal, key, v))
	}
	return out, nil
}

func (r *rawSnapshot) decode() (*state.Snapshot, error) {
	s := &state.Snapshot{Outputs: make(map[string]state.Output, len(r.outputs))}
	if err := decodeMeta(r.box, r.meta, &s.Meta); err != nil {
		return nil, err
	}
	if s.Lineage == "" && s.Serial == 0 {
		return &state.Snapshot{}, nil // made, but never written to
	}
	s.Records = make([]*state.Record, len(r.records))
	for i, e := range r.records {
		rec, serial, err := decode[state.Record](r.box, e)
		if err != nil {
			return nil, fmt.Errorf("record %d: %w", i, err)
		}
		if rec.Addr, err = state.ParseKey(string(e.key)); err != nil {
			return nil, err
		}
		rec.Revision = serial
		s.Records[i] = rec
	}
	for _, e := range r.outputs {
		o, _, err := decode[state.Output](r.box, e)
		if err != nil {
			return nil, fmt.Errorf("output %q: %w", e.key, err)
		}
		s.Outputs[string(e.key)] = *o
	}
	if err := r.decodeIntents(s); err != nil {
		return nil, err
	}
	if r.lastRun != nil {
		run, _, err := decode[state.Run](r.box, *r.lastRun)
		if err != nil {
			return nil, fmt.Errorf("last run: %w", err)
		}
		if run.Result == state.Running {
			s.UnfinishedRun = run
		}
	}
	return s, nil
}

// decodeIntents orders unresolved intents by the commits that wrote them.
func (r *rawSnapshot) decodeIntents(s *state.Snapshot) error {
	type dated struct {
		serial uint64
		intent *state.Intent
	}
	var all []dated
	for _, e := range r.intents {
		i, serial, err := decode[state.Intent](r.box, e)
		if err != nil {
			return fmt.Errorf("unresolved intent: %w", err)
		}
		all = append(all, dated{serial, i})
	}
	slices.SortFunc(all, func(a, b dated) int {
		return cmp.Or(cmp.Compare(a.serial, b.serial), cmp.Compare(a.intent.Run, b.intent.Run), cmp.Compare(a.intent.Step, b.intent.Step))
	})
	for _, d := range all {
		s.Unresolved = append(s.Unresolved, *d.intent)
	}
	return nil
}

// decodeJournal puts the steps of a run in the order of the commits of their intents. Those of one commit were asked
// for at the same time; they follow the plan.
func decodeJournal(box *box, es []entry) ([]state.Entry, error) {
	type dated struct {
		serial uint64
		state.Entry
	}
	var all []dated
	for _, e := range es {
		step, kind, err := parseJournalKey(e.key)
		if err != nil {
			return nil, err
		}
		if kind == journalIntent {
			i, serial, err := decode[state.Intent](box, e)
			if err != nil {
				return nil, fmt.Errorf("intent of step %d: %w", step, err)
			}
			all = append(all, dated{serial, state.Entry{Intent: *i}})
			continue
		}
		o, serial, err := decode[state.Outcome](box, e)
		if err != nil {
			return nil, fmt.Errorf("outcome of step %d: %w", step, err)
		}
		if len(all) == 0 || all[len(all)-1].Intent.Step != step {
			return nil, fmt.Errorf("step %d has an outcome and no intent", step)
		}
		if o.After != nil {
			o.After.Revision = serial
		}
		all[len(all)-1].Outcome = o
	}
	slices.SortFunc(all, func(a, b dated) int {
		return cmp.Or(cmp.Compare(a.serial, b.serial), cmp.Compare(a.Intent.Step, b.Intent.Step))
	})
	out := make([]state.Entry, len(all))
	for i, d := range all {
		out[i] = d.Entry
	}
	return out, nil
}
