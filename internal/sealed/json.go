package sealed

import (
	"encoding/json"
	"fmt"

	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"
)

// jsonValue is a Value in JSON, for people and other programs.
type jsonValue struct {
	Type    json.RawMessage `json:"type"`
	Value   json.RawMessage `json:"value"`
	Secrets []jsonSecret    `json:"secrets,omitempty"`
}

type jsonSecret struct {
	Path        json.RawMessage `json:"path"`
	Fingerprint []byte          `json:"fingerprint,omitempty"`
}

// MarshalJSON returns type, value and fingerprints. A value with unknown parts is an error.
func (v Value) MarshalJSON() ([]byte, error) {
	if v.Plain == cty.NilVal {
		v.Plain = cty.NullVal(cty.DynamicPseudoType)
	}
	ty, err := ctyjson.MarshalType(v.Plain.Type())
	if err != nil {
		return nil, err
	}
	b, err := ctyjson.Marshal(v.Plain, v.Plain.Type())
	if err != nil {
		return nil, err
	}
	out := jsonValue{Type: ty, Value: b}
	for _, s := range v.Secrets {
		p, err := encodePath(s.Path)
		if err != nil {
			return nil, err
		}
		out.Secrets = append(out.Secrets, jsonSecret{p, s.Sum})
	}
	return json.Marshal(out)
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (v *Value) UnmarshalJSON(b []byte) error {
	var in jsonValue
	if err := json.Unmarshal(b, &in); err != nil {
		return err
	}
	ty, err := ctyjson.UnmarshalType(in.Type)
	if err != nil {
		return fmt.Errorf("decoding a value's type: %w", err)
	}
	out := Value{}
	if out.Plain, err = ctyjson.Unmarshal(in.Value, ty); err != nil {
		return fmt.Errorf("decoding a value: %w", err)
	}
	for _, s := range in.Secrets {
		p, err := decodePath(s.Path)
		if err != nil {
			return err
		}
		out.Secrets = append(out.Secrets, Secret{p, s.Fingerprint})
	}
	*v = out
	return nil
}
