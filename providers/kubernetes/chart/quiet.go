package chart

import (
	"io"
	"log"
	"runtime"
	"strings"
	"sync"
)

// silence is installed behind the standard logger while Helm runs. The logger is process-wide, so its guard has to be.
var silence struct {
	sync.Mutex
	active int       // calls of quietly that are running; guarded by the mutex
	behind io.Writer // where the logger wrote before; guarded by the mutex
}

// quietly runs f without what Helm writes to the standard logger (log, and slog's default). What is worth knowing,
// this package reports as diagnostics. Lines that others log in the meantime pass.
func quietly(f func()) {
	silence.Lock()
	if silence.active == 0 {
		silence.behind = log.Writer()
		log.SetOutput(helmFilter{silence.behind})
	}
	silence.active++
	silence.Unlock()
	defer func() {
		silence.Lock()
		defer silence.Unlock()
		if silence.active--; silence.active == 0 {
			log.SetOutput(silence.behind)
		}
	}()
	f()
}

// helmFilter drops lines that a function of Helm logged. Loggers write in the goroutine of their caller.
type helmFilter struct{ behind io.Writer }

func (w helmFilter) Write(p []byte) (int, error) {
	pcs := make([]uintptr, 32)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs)])
	for {
		frame, more := frames.Next()
		if strings.HasPrefix(frame.Function, "helm.sh/helm/") {
			return len(p), nil
		}
		if !more {
			return w.behind.Write(p)
		}
	}
}
