package ledger

// Reached is told the boundaries at which a process may die without harm, by name, as they come: "before intent", "after
// intent". Tests end the process there. It may be called by several goroutines at once. A nil one costs nothing.
type Reached func(boundary string)

// Before and After tell of the two sides of something that happens as a whole.
func (r Reached) Before(what string) {
	if r != nil {
		r("before " + what)
	}
}

// After is the other side of Before.
func (r Reached) After(what string) {
	if r != nil {
		r("after " + what)
	}
}

// commit carries a write out and tells of both sides of it.
func (s *Session) commit(what string, write Write) error {
	s.Reached.Before(what)
	err := s.Commits.Do(write)
	if err == nil {
		s.Reached.After(what)
	}
	return err
}
