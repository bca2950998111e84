package dag

// Status is where a node stands in a walk. The zero value is invalid.
//
//	Waiting ──→ Ready ──→ Running ──→ Done
//	   │ │        │          └──────→ Failed
//	   │ └────────┴─────────────────→ Canceled
//	   └────────────────────────────→ Skipped
type Status uint8

// The states of a node. The last four are final.
const (
	Waiting  Status = iota + 1 // some dependency is not final yet
	Ready                      // waits for a slot only
	Running                    // being visited
	Done                       // visited without error
	Failed                     // visited with an error
	Skipped                    // never visited, because something that it depends on failed
	Canceled                   // never visited, because the walk was told to stop
)

// String returns the name in lower case.
func (s Status) String() string {
	switch s {
	case Waiting:
		return "waiting"
	case Ready:
		return "ready"
	case Running:
		return "running"
	case Done:
		return "done"
	case Failed:
		return "failed"
	case Skipped:
		return "skipped"
	case Canceled:
		return "canceled"
	default:
		return "invalid"
	}
}
