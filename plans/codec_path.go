package plans

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/zclconf/go-cty/cty"
)

// storedPath writes a path as a JSON array: {"attr": name} for an attribute, a string or a number for an index.
type storedPath cty.Path

type storedAttr struct {
	Attr string `json:"attr"`
}

// MarshalJSON ends at a set: its elements have no place of their own, so the set as a whole is what a path can mean.
func (p storedPath) MarshalJSON() ([]byte, error) {
	steps := make([]any, 0, len(p))
loop:
	for _, s := range p {
		switch s := s.(type) {
		case cty.GetAttrStep:
			steps = append(steps, storedAttr{s.Name})
		case cty.IndexStep:
			if !s.Key.IsKnown() || s.Key.IsNull() || s.Key.IsMarked() {
				break loop
			}
			switch s.Key.Type() {
			case cty.String:
				steps = append(steps, s.Key.AsString())
			case cty.Number:
				n, _ := s.Key.AsBigFloat().Int64()
				steps = append(steps, n)
			default:
				break loop
			}
		}
	}
	return json.Marshal(steps)
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (p *storedPath) UnmarshalJSON(b []byte) error {
	var steps []json.RawMessage
	if err := json.Unmarshal(b, &steps); err != nil {
		return err
	}
	out := make(cty.Path, 0, len(steps))
	for _, raw := range steps {
		var err error
		switch raw[0] {
		case '{':
			var attr storedAttr
			err = json.Unmarshal(raw, &attr)
			out = append(out, cty.GetAttrStep{Name: attr.Attr})
		case '"':
			var key string
			err = json.Unmarshal(raw, &key)
			out = append(out, cty.IndexStep{Key: cty.StringVal(key)})
		case 'n':
			err = errors.New("null is no index")
		default:
			var index int64
			err = json.Unmarshal(raw, &index)
			out = append(out, cty.IndexStep{Key: cty.NumberIntVal(index)})
		}
		if err != nil {
			return fmt.Errorf("%.40s is not a step of a path: %w", raw, err)
		}
	}
	*p = storedPath(out)
	return nil
}
