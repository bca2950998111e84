package cli

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/meshplan/meshplan/internal/diag"
)

// maxHelpWidth keeps lines readable on wide terminals.
const maxHelpWidth = 100

// setHelp makes help fit the terminal.
func (a *app) setHelp(root *cobra.Command) {
	width := func() int { return min(a.terminal().Width, maxHelpWidth) }
	root.SetHelpFunc(func(cmd *cobra.Command, _ []string) {
		defer a.page()()
		for _, l := range paragraphs(cmd.Long, width()) {
			fmt.Fprintln(a.out, l)
		}
		fmt.Fprintln(a.out)
		if cmd.Runnable() || cmd.HasSubCommands() {
			root.SetUsageTemplate(strings.ReplaceAll(root.UsageTemplate(), ".FlagUsages ", ".FlagUsagesWrapped "+strconv.Itoa(width())+" "))
			fmt.Fprint(a.out, cmd.UsageString())
		}
	})
}

// paragraphs wraps text whose line breaks mean nothing within a paragraph. Lines that begin with a space are kept.
func paragraphs(s string, width int) (out []string) {
	for i, p := range strings.Split(strings.TrimSpace(s), "\n\n") {
		if i > 0 {
			out = append(out, "")
		}
		if !strings.HasPrefix(p, " ") {
			p = strings.ReplaceAll(p, "\n", " ")
		}
		out = append(out, diag.Wrap(p, width)...)
	}
	return out
}
