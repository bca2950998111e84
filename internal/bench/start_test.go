package bench

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestStart measures what every invocation costs.
func TestStart(t *testing.T) {
	enabled(t)
	dir, err := filepath.Abs(filepath.Join("..", "..", "examples", "mtls-rollout"))
	if err != nil {
		t.Fatal(err)
	}
	once := func(args ...string) time.Duration {
		return median(t, func() time.Duration { took, _ := run(t, dir, nil, 0, args...); return took })
	}
	line(t, "meshplan version", once("version"), 30*time.Millisecond)
	line(t, "meshplan validate of the reference rollout", once("validate"), 60*time.Millisecond)
	info, err := os.Stat(binary(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%-58s %7d MiB  budget 70 MiB", "size of the binary", info.Size()>>20)
}
