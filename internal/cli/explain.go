package cli

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/explain"
)

func (a *app) explainCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "explain [CODE]",
		Short: "Explain an error or a warning by its code",
		Long: `Every error and warning ends its title with a code in brackets, such as [config.cycle]. This command says what a code means and how to mend what was
found; without an argument, or with the first part of a code, it lists them. Codes never change their meaning.`,
		Example: "  meshplan explain config.cycle\n  meshplan explain linkerd.policy\n  meshplan explain --json",
		Args:    atMost(1),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			var out []string
			for _, p := range explain.Pages() {
				out = append(out, p.Code+"\t"+p.Meaning)
			}
			return out, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return a.listCodes(explain.Pages(), asJSON)
			}
			code := strings.Trim(args[0], "[]")
			if p, ok := explain.Find(code); ok {
				return a.explain(p, asJSON)
			}
			var below []explain.Page
			var codes []string
			for _, p := range explain.Pages() {
				codes = append(codes, p.Code)
				if strings.HasPrefix(p.Code, strings.TrimSuffix(code, ".")+".") {
					below = append(below, p)
				}
			}
			if len(below) == 0 {
				return fmt.Errorf("there is no code %q.%s \"meshplan explain\" lists them", args[0], diag.Suggest(code, codes))
			}
			return a.listCodes(below, asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// codeView is a page in JSON.
type codeView struct {
	Code    string `json:"code"`
	Meaning string `json:"meaning"`
	Mend    string `json:"mend"`
}

func (a *app) listCodes(pages []explain.Page, asJSON bool) error {
	if asJSON {
		views := []codeView{}
		for _, p := range pages {
			views = append(views, codeView(p))
		}
		return json.NewEncoder(a.out).Encode(views)
	}
	t := a.terminal()
	width := 0
	for _, p := range pages {
		width = max(width, len(p.Code))
	}
	for _, p := range pages {
		if t.Width < width+40 { // no room beside the code
			fmt.Fprintln(a.out, t.OutPaint.Bold(p.Code))
			for _, l := range diag.Wrap(p.Meaning, t.Width-4) {
				fmt.Fprintln(a.out, "    "+l)
			}
			continue
		}
		for i, l := range diag.Wrap(p.Meaning, min(t.Width, maxHelpWidth+20)-width-2) {
			code := strings.Repeat(" ", width)
			if i == 0 {
				code = t.OutPaint.Bold(fmt.Sprintf("%-*s", width, p.Code))
			}
			fmt.Fprintln(a.out, code+"  "+l)
		}
	}
	return nil
}

func (a *app) explain(p explain.Page, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(a.out).Encode(codeView(p))
	}
	t := a.terminal()
	fmt.Fprintf(a.out, "%s\n%s\n", t.OutPaint.Bold(p.Code), strings.Join(diag.Wrap(p.Meaning, min(t.Width, maxHelpWidth)), "\n"))
	for para := range strings.SplitSeq(p.Mend, "\n\n") {
		fmt.Fprintf(a.out, "\n%s\n", strings.Join(diag.Wrap(para, min(t.Width, maxHelpWidth)), "\n"))
	}
	return nil
}
