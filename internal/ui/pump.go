package ui

import (
	"sync"
	"time"

	"github.com/meshplan/meshplan/engine"
)

// View shows a run. It is an engine.Sink; Close writes what is left and waits until it is written.
type View interface {
	engine.Sink
	// Say shows a remark among the events.
	Say(text string)
	Close()
}

// screen is what differs between views. Its methods are called from one goroutine.
type screen interface {
	event(e engine.Event, at time.Time)
	say(text string)
	// tick comes at the interval that the view was made with.
	tick(at time.Time)
	end(at time.Time)
}

// pump carries events to a screen without making the engine wait.
type pump struct {
	screen   screen
	interval time.Duration
	wake     chan struct{}
	stop     chan struct{}
	done     chan struct{}
	once     sync.Once

	mu    sync.Mutex // guards queue
	queue []stamped
}

// stamped is an event, or a remark when there is none.
type stamped struct {
	event engine.Event
	text  string
	at    time.Time
}

func newPump(s screen, interval time.Duration) *pump {
	p := &pump{screen: s, interval: interval, wake: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{})}
	go p.run()
	return p
}

// Handle implements engine.Sink.
func (p *pump) Handle(e engine.Event) { p.put(stamped{event: e, at: time.Now()}) }

// Say implements View.
func (p *pump) Say(text string) { p.put(stamped{text: text, at: time.Now()}) }

func (p *pump) put(s stamped) {
	p.mu.Lock()
	p.queue = append(p.queue, s)
	p.mu.Unlock()
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// Close may be called more than once.
func (p *pump) Close() {
	p.once.Do(func() { close(p.stop) })
	<-p.done
}

func (p *pump) run() {
	defer close(p.done)
	ticker := time.NewTicker(p.interval)
	defer ticker.Stop()
	for {
		select {
		case <-p.wake:
			p.drain()
		case at := <-ticker.C:
			p.drain()
			p.screen.tick(at)
		case <-p.stop:
			p.drain()
			p.screen.end(time.Now())
			return
		}
	}
}

func (p *pump) drain() {
	p.mu.Lock()
	queue := p.queue
	p.queue = nil
	p.mu.Unlock()
	for _, s := range queue {
		if s.event == nil {
			p.screen.say(s.text)
		} else {
			p.screen.event(s.event, s.at)
		}
	}
}

// Tee returns a view that hands everything to all views, in order.
func Tee(views ...View) View { return tee(views) }

type tee []View

// Handle implements engine.Sink.
func (t tee) Handle(e engine.Event) {
	for _, v := range t {
		v.Handle(e)
	}
}

// Say implements View.
func (t tee) Say(text string) {
	for _, v := range t {
		v.Say(text)
	}
}

// Close implements View.
func (t tee) Close() {
	for _, v := range t {
		v.Close()
	}
}

// Quietly returns a view that hands events to a sink and shows nothing.
func Quietly(s engine.Sink) View { return quietly{s} }

type quietly struct{ engine.Sink }

// Say implements View.
func (quietly) Say(string) {}

// Close implements View.
func (quietly) Close() {}
