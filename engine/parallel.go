package engine

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// parallelFrom is the number of calls from which it pays to share them out.
const parallelFrom = 64

// inParallel calls f with 0 to n-1, on all processors, and returns when all calls have. f is safe for concurrent use.
func inParallel(n int, f func(i int)) {
	workers := runtime.GOMAXPROCS(0)
	if n < parallelFrom || workers == 1 {
		for i := range n {
			f(i)
		}
		return
	}
	const chunk = 16
	var next atomic.Int64
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for {
				end := int(next.Add(chunk))
				for i := end - chunk; i < min(end, n); i++ {
					f(i)
				}
				if end >= n {
					return
				}
			}
		})
	}
	wg.Wait()
}
