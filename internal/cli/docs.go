package cli

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"github.com/meshplan/meshplan/internal/backend"
	"github.com/meshplan/meshplan/internal/docs"
	"github.com/meshplan/meshplan/internal/explain"
)

func (a *app) docsCommand() *cobra.Command {
	var out, format string
	cmd := &cobra.Command{
		Use:   "docs --out DIR",
		Short: "Write the reference documentation",
		Long: `Writes the reference documentation into a directory, from the same declarations that the program works with: a page for each resource type and data
source with its example, one for each command, the guides, and one with all codes of errors and warnings. With --format man it writes the manual pages of the
commands. Files that are there already are written over; others are left alone.`,
		Example: "  meshplan docs --out reference\n  meshplan docs --out man/man1 --format man",
		Args:    atMost(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			var pages map[string]string
			var err error
			switch {
			case out == "":
				return usageError(cmd, fmt.Errorf("--out is missing: name the directory to write to"))
			case format == "md" || format == "markdown":
				pages, err = a.markdownPages(cmd.Root())
			case format == "man":
				pages, err = a.manPages(cmd.Root())
			default:
				return usageError(cmd, fmt.Errorf("--format is md or man, not %q", format))
			}
			if err != nil {
				return err
			}
			for _, name := range slices.Sorted(maps.Keys(pages)) {
				path := filepath.Join(out, filepath.FromSlash(name))
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					return fmt.Errorf("--out: %w", err)
				}
				if err := os.WriteFile(path, []byte(pages[name]), 0o644); err != nil {
					return fmt.Errorf("--out: %w", err)
				}
			}
			fmt.Fprintf(a.err, "Wrote %d pages to %s.\n", len(pages), out)
			return nil
		},
	}
	cmd.Flags().StringVar(&out, "out", "", "`directory` to write to; it is made if it is not there")
	cmd.Flags().StringVar(&format, "format", "md", "`format` of the pages: md or man")
	completeWords(cmd, "format", "md", "man")
	_ = cmd.MarkFlagDirname("out")
	return cmd
}

// eachCommand calls f for every command that people use, parents first.
func eachCommand(c *cobra.Command, f func(*cobra.Command) error) error {
	if c.Hidden || c.Name() == "help" {
		return nil
	}
	if err := f(c); err != nil {
		return err
	}
	for _, sub := range c.Commands() {
		if err := eachCommand(sub, f); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) markdownPages(root *cobra.Command) (map[string]string, error) {
	pages := docs.Markdown(a.catalog())
	err := eachCommand(root, func(c *cobra.Command) error {
		c.DisableAutoGenTag = true // its date would differ from run to run
		var b bytes.Buffer
		err := doc.GenMarkdown(c, &b)
		pages["commands/"+strings.ReplaceAll(c.CommandPath(), " ", "_")+".md"] = b.String()
		return err
	})
	pages["backends.md"] = docs.Backends(backend.Schemas())
	guides := ""
	for _, g := range docs.Guides() {
		pages["guides/"+g.Name+".md"] = g.Text
		guides += fmt.Sprintf("- [%s](guides/%s.md)\n", g.Title, g.Name)
	}
	var codes strings.Builder
	codes.WriteString("# Codes of errors and warnings\n")
	for _, p := range explain.Pages() {
		fmt.Fprintf(&codes, "\n## %s\n\n%s\n\n%s\n", p.Code, p.Meaning, p.Mend)
	}
	pages["codes.md"] = codes.String()
	pages["README.md"] += "\n## Guides\n\n" + guides + "\n## More\n\n- [Backends of the state](backends.md)\n- [Commands](commands/meshplan.md)\n- [Codes of errors and warnings](codes.md)\n"
	return pages, err
}

func (a *app) manPages(root *cobra.Command) (map[string]string, error) {
	pages := map[string]string{}
	now := a.now()
	err := eachCommand(root, func(c *cobra.Command) error {
		c.DisableAutoGenTag = true
		name := strings.ReplaceAll(c.CommandPath(), " ", "-")
		var b bytes.Buffer
		err := doc.GenMan(c, &doc.GenManHeader{Title: strings.ToUpper(name), Section: "1", Source: versionLine(), Manual: "meshplan", Date: &now}, &b)
		pages[name+".1"] = b.String()
		return err
	})
	return pages, err
}
