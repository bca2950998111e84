package kube_test

import (
	"strings"
	"sync"

	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/providers"
)

// steps keeps what a step is told.
type steps struct {
	mu   sync.Mutex // guards said
	said []string
}

func (s *steps) Progress(p providers.Progress) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.said = append(s.said, p.Message)
}

func (s *steps) Checkpoint(cty.Value, []byte) error { return nil }
func (s *steps) Release()                           {}

func (s *steps) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.said, "\n")
}
