package certs

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/zclconf/go-cty/cty"
)

// ParseDuration reads a duration as Go writes them ("48h", "90m"), or whole days ("365d").
func ParseDuration(s string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.Atoi(days)
		if err != nil || n < 0 || n > 200*365 {
			return 0, fmt.Errorf("%q is not a number of days", s)
		}
		return time.Duration(n) * 24 * time.Hour, nil
	}
	d, err := time.ParseDuration(s)
	if err != nil {
		return 0, fmt.Errorf("%q is not a duration; write for instance \"48h\" or \"365d\"", s)
	}
	return d, nil
}

// positive validates a duration attribute that must be greater than zero.
func positive(v cty.Value) error {
	d, err := ParseDuration(v.AsString())
	if err == nil && d <= 0 {
		err = errors.New("a duration greater than zero is needed")
	}
	return err
}

// duration reads an attribute that the schema has validated.
func duration(v cty.Value) time.Duration {
	if v.IsNull() || !v.IsKnown() {
		return 0
	}
	d, _ := ParseDuration(v.AsString())
	return d
}
