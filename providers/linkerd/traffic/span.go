package traffic

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/zclconf/go-cty/cty"
)

// span reads a duration as Linkerd's annotations spell it: a whole number and one unit of ms, s, m, h and d, or 0.
func span(s string) (time.Duration, error) {
	if s == "0" {
		return 0, nil
	}
	m := regexp.MustCompile(`^([0-9]+)(ms|s|m|h|d)$`).FindStringSubmatch(s)
	if m == nil {
		return 0, fmt.Errorf("%q is not a duration as Linkerd reads it: a whole number and one unit, for instance \"300ms\", \"10s\" or \"1m\"", s)
	}
	unit := map[string]time.Duration{"ms": time.Millisecond, "s": time.Second, "m": time.Minute, "h": time.Hour, "d": 24 * time.Hour}[m[2]]
	n, err := strconv.ParseInt(m[1], 10, 32)
	if err != nil {
		return 0, fmt.Errorf("%q is too long", s)
	}
	return time.Duration(n) * unit, nil
}

func checkSpan(v cty.Value) error {
	_, err := span(v.AsString())
	return err
}

// checkGap checks a duration of a canary, in Go's spelling.
func checkGap(v cty.Value) error {
	if d, err := time.ParseDuration(v.AsString()); err != nil || d <= 0 {
		return fmt.Errorf("%q is not a duration such as \"1m\"", v.AsString())
	}
	return nil
}

// whole checks a number from low to high.
func whole(low, high int64) func(cty.Value) error {
	return func(v cty.Value) error {
		n, exact := v.AsBigFloat().Int64()
		if !v.AsBigFloat().IsInt() || exact != 0 || n < low || n > high {
			return fmt.Errorf("it must be a whole number from %d to %d", low, high)
		}
		return nil
	}
}

func share(v cty.Value) error {
	if f, _ := v.AsBigFloat().Float64(); f < 0 || f > 1 {
		return errors.New("it must be between 0 and 1")
	}
	return nil
}

// checkCodes checks what is retried: status codes, ranges, `5xx` and `gateway-error`.
func checkCodes(v cty.Value) error {
	for _, e := range v.AsValueSlice() {
		s := e.AsString()
		if s == "5xx" || s == "gateway-error" {
			continue
		}
		from, to, isRange := strings.Cut(s, "-")
		a, err1 := strconv.Atoi(from)
		b, err2 := a, error(nil)
		if isRange {
			b, err2 = strconv.Atoi(to)
		}
		if err1 != nil || err2 != nil || a < 100 || b > 599 || a > b {
			return fmt.Errorf("%q is not a status code (503), a range (500-504), 5xx or gateway-error", s)
		}
	}
	return nil
}
