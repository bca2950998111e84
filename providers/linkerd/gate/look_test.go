package gate

import "testing"

func TestPercentNeverRoundsUpToAWhole(t *testing.T) {
	for ratio, want := range map[float64]string{1: "100%", 0.99999: "99.99%", 0.5: "50%", 0.1234: "12.34%", 0: "0%"} {
		if got := percent(ratio); got != want {
			t.Errorf("percent(%v) = %q, want %q", ratio, got, want)
		}
	}
}
