package cli

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"sync/atomic"
)

// The collector of a Go program lets garbage grow to what is in use, so that a short run with little in use collects
// dozens of times, on processors that the API server may need. Here it lets garbage grow to a room of fixed size.
const (
	// planRoom keeps the empty plan of 5,000 objects well below 200 MiB, of which 40 are the program itself.
	planRoom = 36 << 20
	// applyRoom is larger: each object that is written leaves ten times its size behind.
	applyRoom = 160 << 20
	// leastGarbage and mostGarbage bound it in percent of what is in use. With much in use, memory counts more than time.
	leastGarbage, mostGarbage = 45, 400
)

var collector struct {
	room  atomic.Int64
	start sync.Once
}

// collect sets the room for garbage, unless GOGC says how often to collect. It holds for the whole process.
func (a *app) collect(room int64) {
	if a.getenv("GOGC") != "" {
		return
	}
	collector.room.Store(room)
	collector.start.Do(func() { afterCollection(new([16]byte)) })
	tune()
}

// afterCollection tunes the collector after each collection: only then it is known how much is in use.
func afterCollection(token *[16]byte) {
	runtime.SetFinalizer(token, func(*[16]byte) {
		tune()
		afterCollection(new([16]byte))
	})
}

func tune() {
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(live)
	if live[0].Value.Kind() != metrics.KindUint64 {
		return
	}
	used := max(int64(live[0].Value.Uint64()), 1)
	debug.SetGCPercent(int(min(max(collector.room.Load()*100/used, leastGarbage), mostGarbage)))
}
