package cli

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/spf13/cobra"
	"github.com/zclconf/go-cty/cty/function"
	"golang.org/x/term"

	"github.com/meshplan/meshplan/engine"
	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/lang"
	"github.com/meshplan/meshplan/plans/render"
)

func (a *app) consoleCommand() *cobra.Command {
	var in inputFlags
	cmd := &cobra.Command{
		Use:   "console [DIR]",
		Short: "Try expressions",
		Long: `Evaluates expressions with the variables, local values and functions of the configuration, and with resources and outputs as the last run
recorded them. It touches no cluster and takes no lock. At a terminal it asks for expressions; otherwise it reads one from each line
of the input, and exits with 1 if any of them is wrong. What has not been applied yet is "(known after apply)"; sensitive values are not shown.

The word help lists the functions, "help NAME" describes one, and exit or Ctrl-D ends.`,
		Example: "  meshplan console\n  echo 'cidrhost(\"10.0.0.0/8\", 7)' | meshplan console\n  echo output.url | meshplan console prod/",
		Args:    atMost(1), ValidArgsFunction: completeDirs,
		RunE: func(cmd *cobra.Command, args []string) error {
			c := &console{Terminal: a.terminal()}
			w, ds := a.open(cmd, directory(args), &in, nil)
			c.files = w.config.Files
			if ds.HasErrors() {
				return a.fail(c, ds)
			}
			eval, more := w.engine(nil, 0).Console(cmd.Context(), w.config, w.inputs)
			if ds = append(ds, more...); ds.HasErrors() {
				return a.fail(c, ds)
			}
			c.diagnostics(ds)
			r := &repl{console: c, eval: eval, functions: lang.Functions(lang.FunctionOptions{BaseDir: w.config.Dir, Now: a.now})}
			return r.run()
		},
	}
	in.addState(cmd.Flags())
	in.addVariables(cmd.Flags())
	return cmd
}

// consoleName is the file name of what is typed.
const consoleName = "console"

// repl reads expressions and prints values.
type repl struct {
	*console
	eval      engine.Evaluator
	functions map[string]function.Function
	line      int
	failed    bool
}

func (r *repl) run() error {
	read, done, err := r.reader()
	if err != nil {
		return err
	}
	defer done()
	for {
		text, err := read()
		if err != nil && err != io.EOF {
			return fmt.Errorf("reading expressions: %w", err)
		}
		r.line++
		switch words := strings.Fields(text); {
		case len(words) == 0 || strings.HasPrefix(words[0], "#"):
		case len(words) == 1 && (words[0] == "exit" || words[0] == "quit"):
			return nil
		case words[0] == "help":
			r.help(words[1:])
		default:
			r.print(text)
		}
		if err == io.EOF {
			break
		}
	}
	if r.failed && !r.InTTY {
		return exitWith(exitFailure)
	}
	return nil
}

// reader returns a function that reads a line. At a terminal lines can be edited and come back with the arrow keys, and
// all output goes through the editor; done gives the terminal back.
func (r *repl) reader() (read func() (string, error), done func(), err error) {
	file, ok := r.In.(*os.File)
	if !r.InTTY || !r.OutTTY || !ok {
		in := bufio.NewReader(r.In)
		return func() (string, error) {
			s, err := in.ReadString('\n')
			return strings.TrimRight(s, "\r\n"), err
		}, func() {}, nil
	}
	before, err := term.MakeRaw(int(file.Fd()))
	if err != nil {
		return nil, nil, err
	}
	t := term.NewTerminal(struct {
		io.Reader
		io.Writer
	}{r.In, r.Out}, "> ")
	if width, height, err := term.GetSize(int(file.Fd())); err == nil {
		_ = t.SetSize(width, height) // it can only fail when drawing does
	}
	t.AutoCompleteCallback = r.complete
	fmt.Fprintf(t, "An expression prints its value; help lists the functions, exit ends.\n")
	r.Out, r.Err = t, t
	return t.ReadLine, func() { _ = term.Restore(int(file.Fd()), before) }, nil
}

// print evaluates a line and writes the value, or what is wrong with it.
func (r *repl) print(text string) {
	src := []byte(text)
	at := hcl.Pos{Line: r.line, Column: 1}
	if r.InTTY {
		at.Line = 1
	}
	d := lang.CheckNesting(src, lang.Native, hcl.Range{Filename: consoleName, Start: at, End: at})
	if d != nil {
		r.wrong(src, hcl.Diagnostics{d})
		return
	}
	expr, ds := hclsyntax.ParseExpression(src, consoleName, at)
	if ds.HasErrors() {
		r.wrong(src, ds)
		return
	}
	v, ds := r.eval(expr)
	r.wrong(src, ds)
	if ds.HasErrors() {
		return
	}
	_ = render.Value(r.Out, v) // a closed output ends the loop at its next line
}

// wrong shows findings about a line. It shows no values: they may be secret.
func (r *repl) wrong(src []byte, ds hcl.Diagnostics) {
	r.failed = r.failed || ds.HasErrors()
	files := r.snippets()
	files[consoleName] = &hcl.File{Bytes: src}
	if len(ds) > 0 {
		_ = diag.WriteText(r.Err, ds, diag.TextOptions{Files: files, Width: r.Width, Paint: r.ErrPaint, ASCII: r.ASCII})
	}
}

// help lists the functions, or describes those that are named.
func (r *repl) help(names []string) {
	if len(names) == 0 {
		line := ""
		for _, name := range slices.Sorted(maps.Keys(r.functions)) {
			if len(line)+len(name)+2 > r.Width && line != "" {
				fmt.Fprintln(r.Out, strings.TrimRight(line, " "))
				line = ""
			}
			line += fmt.Sprintf("%-18s ", name)
		}
		fmt.Fprintln(r.Out, strings.TrimRight(line, " "))
		return
	}
	for _, name := range names {
		f, ok := r.functions[name]
		if !ok {
			r.failed = true
			fmt.Fprintf(r.Err, "There is no function %q.%s\n", name, diag.Suggest(name, slices.Collect(maps.Keys(r.functions))))
			continue
		}
		fmt.Fprintln(r.Out, signature(name, f))
		if text := f.Description(); text != "" {
			for _, l := range diag.Wrap(text, r.Width-2) {
				fmt.Fprintln(r.Out, "  "+l)
			}
		}
	}
}

// signature writes how a function is called.
func signature(name string, f function.Function) string {
	var params []string
	for _, p := range f.Params() {
		params = append(params, p.Name)
	}
	if p := f.VarParam(); p != nil {
		params = append(params, p.Name+"...")
	}
	return name + "(" + strings.Join(params, ", ") + ")"
}

// complete finishes the name of a function in front of the cursor when a tab is typed, if there is only one.
func (r *repl) complete(line string, pos int, key rune) (string, int, bool) {
	if key != '\t' {
		return "", 0, false
	}
	start := strings.LastIndexFunc(line[:pos], func(c rune) bool { return c != '_' && (c < 'a' || c > 'z') && (c < '0' || c > '9') }) + 1
	var found []string
	for name := range r.functions {
		if start < pos && strings.HasPrefix(name, line[start:pos]) {
			found = append(found, name)
		}
	}
	if len(found) != 1 {
		return line, pos, true
	}
	done := line[:start] + found[0] + "("
	return done + line[pos:], len(done), true
}
