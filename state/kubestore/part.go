package kubestore

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"sort"
	"strings"

	"golang.org/x/sync/errgroup"
)

// part is the content of a part. It never changes.
type part struct {
	raw     []byte   // changes in their stored form
	entries []change // of a table: puts, sorted; nil for a log part
}

// find returns the index of the first entry at or after a key.
func (p *part) find(key string) int {
	return sort.Search(len(p.entries), func(i int) bool { return p.entries[i].key >= key })
}

// inFlight bounds how many parts are read or written at the same time.
const inFlight = 8

// read returns parts, from memory where they have been read before. Errors: *goneError.
func (s *Store) read(ctx context.Context, c *client, refs []ref, table bool) ([]*part, error) {
	out := make([]*part, len(refs))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(inFlight)
	for i, r := range refs {
		s.mu.Lock()
		out[i] = s.parts[r.Name]
		s.mu.Unlock()
		if out[i] != nil {
			continue
		}
		g.Go(func() error {
			var content []byte
			for _, name := range r.names() {
				piece, err := c.getPart(ctx, c.base+"-"+name)
				if err != nil {
					return err
				}
				content = append(content, piece...)
			}
			p, err := openPart(r, content, table)
			if err != nil {
				return fmt.Errorf("the part %s-%s cannot be read: %w", c.base, r.Name, err)
			}
			out[i] = p
			s.keep(r.Name, p)
			return nil
		})
	}
	return out, g.Wait()
}

// keep remembers a part, which never changes.
func (s *Store) keep(name string, p *part) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.parts[name] = p
}

// forget drops from memory what a head does not name any more.
func (s *Store) forget(h *head) {
	s.mu.Lock()
	defer s.mu.Unlock()
	named := make(map[string]bool, len(s.parts))
	for _, r := range slices.Concat(h.Tables, h.Logs) {
		named[r.Name] = true
	}
	for name := range s.parts {
		if !named[name] {
			delete(s.parts, name)
		}
	}
}

func openPart(r ref, content []byte, table bool) (*part, error) {
	if checksum(content) != r.Sum {
		return nil, fmt.Errorf("its checksum does not match")
	}
	raw, err := expand(content)
	if err != nil {
		return nil, err
	}
	p := &part{raw: raw}
	if !table {
		return p, nil
	}
	err = readChanges(raw, func(c change) error {
		if n := len(p.entries); c.op != opPut || n > 0 && p.entries[n-1].key >= c.key {
			return fmt.Errorf("its keys are out of order")
		}
		p.entries = append(p.entries, c)
		return nil
	})
	p.raw = nil
	return p, err
}

// split cuts changes into pieces that make a part each, unless they cannot be compressed enough.
func split(changes []change, limit int) (pieces [][]change) {
	size, start := 0, 0
	for i, c := range changes {
		n := len(c.key) + len(c.value) + 12
		if size > 0 && size+n > limit {
			pieces = append(pieces, changes[start:i])
			start, size = i, 0
		}
		size += n
	}
	if start < len(changes) {
		pieces = append(pieces, changes[start:])
	}
	return pieces
}

// write creates parts with changes, in their order, and keeps them in memory.
func (s *Store) write(ctx context.Context, c *client, changes []change, table bool) ([]ref, error) {
	pieces := split(changes, s.limits.part)
	written := make([][]ref, len(pieces))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(inFlight)
	for i, piece := range pieces {
		g.Go(func() (err error) {
			written[i], err = s.writePiece(ctx, c, piece, table)
			return err
		})
	}
	err := g.Wait()
	return slices.Concat(written...), err
}

// writePiece creates one part, or several where the content cannot be compressed enough. A single value that is too large
// for a Secret makes a part of several Secrets.
func (s *Store) writePiece(ctx context.Context, c *client, piece []change, table bool) ([]ref, error) {
	var raw []byte
	for _, e := range piece {
		raw = appendChange(raw, e)
	}
	content, err := compress(raw)
	if err != nil {
		return nil, err
	}
	if len(content) > maxContent && len(piece) > 1 {
		first, err := s.writePiece(ctx, c, piece[:len(piece)/2], table)
		if err != nil {
			return first, err
		}
		second, err := s.writePiece(ctx, c, piece[len(piece)/2:], table)
		return append(first, second...), err
	}
	r := ref{Name: strings.ToLower(rand.Text()[:16]), Bytes: len(raw), Sum: checksum(content)}
	chunks := slices.Collect(slices.Chunk(content, maxContent))
	if len(chunks) > 1 {
		r.Pieces = len(chunks)
	}
	if len(chunks) > maxPieces {
		return nil, fmt.Errorf("a value of %d bytes is too large to be kept in a cluster", len(piece[0].value))
	}
	for i, name := range r.names() {
		if err := c.createPart(ctx, c.base+"-"+name, chunks[i]); err != nil {
			return nil, err
		}
	}
	p := &part{raw: raw}
	if table {
		r.First = piece[0].key
		p = &part{entries: slices.Clone(piece)}
	}
	s.keep(r.Name, p)
	return []ref{r}, nil
}
