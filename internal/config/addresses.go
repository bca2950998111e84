package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/internal/diag"
)

// addresses are those that blocks of one module have taken, so that a second one is found without looking through all.
type addresses struct {
	movedFrom, movedTo map[string]*Moved
	removed            map[string]hcl.Range
	imported           map[string]hcl.Range
	checkData          map[addr.Resource]hcl.Range
}

func newAddresses() addresses {
	return addresses{
		movedFrom: map[string]*Moved{}, movedTo: map[string]*Moved{}, removed: map[string]hcl.Range{}, imported: map[string]hcl.Range{},
		checkData: map[addr.Resource]hcl.Range{},
	}
}

// movedCircles reports moved blocks that lead back to where they started. Every address is left by one block at most, so
// each chain has one way to go; visiting every block once costs O(blocks).
func (d *decoder) movedCircles() {
	seen := make(map[*Moved]int, len(d.module.Moved)) // the number of the chain that came by
	for n, first := range d.module.Moved {
		for m := first; m != nil && seen[m] == 0; m = d.addresses.movedFrom[m.To.String()] {
			seen[m] = n + 1
			next := d.addresses.movedFrom[m.To.String()]
			if next == nil || seen[next] != n+1 {
				continue
			}
			chain := []string{next.From.String()}
			for at := next; ; at = d.addresses.movedFrom[at.To.String()] {
				if chain = append(chain, at.To.String()); at == m {
					break
				}
			}
			if len(chain) > 10 {
				chain = slices.Concat(chain[:8], []string{"…"}, chain[len(chain)-1:])
			}
			d.report(diag.Error(CodeConflict, "Moved in a circle", fmt.Sprintf("The moved blocks lead back to where they started: %s. Remove the one that is not true any more.", strings.Join(chain, " → ")), m.DeclRange.Ptr()))
		}
	}
}
