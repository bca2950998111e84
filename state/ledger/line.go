package ledger

import "time"

// maxGroup bounds how many writes one commit carries, so that the first of them does not wait for ever.
const maxGroup = 1024

// Write changes a transaction. It may be called more than once: it must change nothing else.
type Write func(*Txn) error

// request is a write that waits in line.
type request struct {
	write Write
	done  chan error
}

// Line lets writes wait for the one goroutine that commits them in groups.
type Line struct {
	try      func([]Write) (int, error)
	linger   time.Duration
	requests chan *request
	quit     chan struct{} // closed to end
	ended    chan struct{} // closed at the end
	last     int           // how many writes the last group had
}

// NewLine starts the goroutine. It calls try with the writes of a group, which carries them out in one commit: failed is
// the index of the write that could not be carried out, so that nothing was committed, or -1 when err is everybody's.
// linger is how long a group waits for others when the last one had several: much less than a commit takes.
func NewLine(linger time.Duration, try func([]Write) (failed int, err error)) *Line {
	l := &Line{try: try, linger: linger, requests: make(chan *request), quit: make(chan struct{}), ended: make(chan struct{})}
	go l.loop()
	return l
}

// Do carries out a write together with others and returns when it is durable or has failed. Errors: ErrClosed.
func (l *Line) Do(write Write) error {
	r := &request{write: write, done: make(chan error, 1)}
	select {
	case l.requests <- r:
		return <-r.done
	case <-l.quit:
		return ErrClosed
	}
}

// Close ends the goroutine. Writes that have been taken are finished first. It may be called once.
func (l *Line) Close() {
	close(l.quit)
	<-l.ended
}

func (l *Line) loop() {
	defer close(l.ended)
	for {
		select {
		case r := <-l.requests:
			l.commit(l.group(r))
		case <-l.quit:
			return
		}
	}
}

// group takes everybody who waits in line behind r. When the last commit carried several writes it lingers a moment:
// those who were just answered come back with their next write, and sharing a commit with them is cheaper than
// another one.
func (l *Line) group(r *request) []*request {
	group := []*request{r}
	var patience <-chan time.Time
	if l.last > 1 {
		patience = time.After(l.linger)
	}
	for len(group) < maxGroup {
		select {
		case r := <-l.requests:
			group = append(group, r)
			continue
		default:
		}
		if patience == nil {
			return group
		}
		select {
		case r := <-l.requests:
			group = append(group, r)
		case <-patience:
			patience = nil
		}
	}
	return group
}

// commit carries out a group and answers everybody. A write that fails is taken out and the others are tried again.
func (l *Line) commit(group []*request) {
	l.last = len(group)
	for len(group) > 0 {
		writes := make([]Write, len(group))
		for i, r := range group {
			writes[i] = r.write
		}
		failed, err := l.try(writes)
		if failed < 0 {
			for _, r := range group {
				r.done <- err
			}
			return
		}
		group[failed].done <- err
		group = append(group[:failed], group[failed+1:]...)
	}
}
