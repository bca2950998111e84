package kubestore

import (
	"fmt"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/meshplan/meshplan/state"
)

// layout is the version of the way that a state lies in its objects.
const layout = 1

// head is what counts: the parts of a state in their order, and the last changes.
type head struct {
	Layout int    `msgpack:"v"`
	Mark   string `msgpack:"m"` // random, another one for each commit
	// Tables hold sorted entries, in order of their ranges. The first begins before every key, the others with First.
	Tables []ref `msgpack:"t"`
	// Logs hold changes to the tables, oldest first.
	Logs []ref `msgpack:"l"`
	// Tail holds the changes after the logs.
	Tail []byte `msgpack:"c"`
	// Old names parts that were replaced and are still to be deleted.
	Old []string `msgpack:"o,omitempty"`

	version string // the Secret's resourceVersion; empty when it does not exist
}

// ref names a part.
type ref struct {
	Name  string `msgpack:"n"` // what follows the head's name
	First string `msgpack:"f,omitempty"`
	Bytes int    `msgpack:"b"` // expanded
	Sum   uint32 `msgpack:"s"` // of the compressed content
	// Pieces is over how many Secrets the content is spread, because one value in it is larger than a Secret; 0 means one.
	Pieces int `msgpack:"p,omitempty"`
}

// maxPieces bounds what a damaged head can make us read.
const maxPieces = maxExpanded / maxContent

// names lists what follows the head's name in the names of the Secrets that hold the part, in their order.
func (r *ref) names() []string {
	out := []string{r.Name}
	for i := 1; i < min(r.Pieces, maxPieces+1); i++ {
		out = append(out, fmt.Sprintf("%s-%d", r.Name, i))
	}
	return out
}

func bytesOf(refs []ref) (n int) {
	for _, r := range refs {
		n += r.Bytes
	}
	return n
}

func encodeHead(h *head) ([]byte, error) {
	b, err := msgpack.Marshal(h)
	if err != nil {
		return nil, fmt.Errorf("encoding the head of the state: %w", err)
	}
	content, err := compress(b)
	if err == nil && len(content) > maxContent {
		err = fmt.Errorf("the head of the state has grown to %d bytes, and a Secret carries %d", len(content), maxContent)
	}
	return content, err
}

func decodeHead(content []byte) (*head, error) {
	b, err := expand(content)
	if err != nil {
		return nil, fmt.Errorf("its head cannot be read: %w", err)
	}
	h := &head{}
	if err := msgpack.Unmarshal(b, h); err != nil {
		return nil, fmt.Errorf("its head cannot be read: %w", err)
	}
	if h.Layout > layout {
		return nil, &state.FormatError{Path: "in the cluster", Got: h.Layout}
	}
	return h, nil
}
