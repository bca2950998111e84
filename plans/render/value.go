package render

import (
	"bufio"
	"io"
	"strings"

	"github.com/zclconf/go-cty/cty"
)

// Value writes a value as configuration would, over several lines where that is easier to read. Secrets and what is not
// known are words in parentheses.
func Value(w io.Writer, v cty.Value) error {
	d := &differ{}
	n := newBuilder().build(v, nil)
	d.whole(kept, n, 0, nil, "")
	out := bufio.NewWriter(w)
	for _, l := range d.lines {
		out.WriteString(strings.Repeat("  ", l.depth) + l.text + "\n")
	}
	return out.Flush()
}
