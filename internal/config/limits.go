package config

import (
	"fmt"
	"sync/atomic"

	"github.com/hashicorp/hcl/v2"

	"github.com/meshplan/meshplan/internal/diag"
)

// limits bound what a tree of modules may cost, because a plan is made for every pull request, also a hostile one: a
// few small files that call each other twice at every level would otherwise stand for millions of resources.
type limits struct {
	depth       int   // of calls
	directories int   // that are read
	weight      int   // declarations, with every call counted by itself
	bytes       int64 // of all files
}

func defaultLimits() limits {
	return limits{depth: 64, directories: 1000, weight: 1_000_000, bytes: 256 << 20}
}

func moduleLimit(format string, limit int, c *ModuleCall) *hcl.Diagnostic {
	return diag.Error(CodeModuleLimit, "Too many modules", fmt.Sprintf(format, limit)+" Split the rollout into several configurations, or call fewer modules.",
		c.SourceRange.Ptr())
}

// maxFindings is how many findings one load reports. Nobody reads more, and looking for a "did you mean" costs time.
const maxFindings = 200

// bounded leaves out what is too much.
func bounded(ds hcl.Diagnostics) hcl.Diagnostics {
	more := len(ds) - maxFindings
	if more <= 0 {
		return ds
	}
	last := diag.Error(CodeTooMany, "Too many findings", fmt.Sprintf("%d or more other findings are not shown. Mend the first ones and try again.", more), nil)
	return append(ds[:maxFindings:maxFindings], last)
}

// budget is what is left of the limit of bytes. It is safe for concurrent use.
type budget struct {
	left  atomic.Int64
	total int64
}

func newBudget(total int64) *budget {
	b := &budget{total: total}
	b.left.Store(total)
	return b
}

// take subtracts n bytes and fails when they are not left.
func (b *budget) take(n int) error {
	if b.left.Add(-int64(n)) < 0 {
		return fmt.Errorf("with it the files of this configuration are larger than %d MiB altogether", b.total>>20)
	}
	return nil
}
