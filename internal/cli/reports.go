package cli

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/spf13/cobra"

	"github.com/meshplan/meshplan/internal/ci"
	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/explain"
)

// CodeReport: a report, a summary or a payload cannot be written.
const CodeReport diag.Code = "cli.report"

// reportFlags are --report: further forms of a result, each in a file.
type reportFlags struct {
	values []string
	kinds  []string // that the command knows
}

func (f *reportFlags) add(cmd *cobra.Command, kinds ...string) {
	f.kinds = kinds
	cmd.Flags().StringArrayVar(&f.values, "report", nil, "write a report as well, as in `kind:file`; the kinds are "+words(kinds)+"; may be repeated")
	_ = cmd.RegisterFlagCompletionFunc("report", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		var out []string
		for _, k := range kinds {
			out = append(out, k+":")
		}
		return out, cobra.ShellCompDirectiveNoSpace
	})
}

func words(list []string) string {
	if len(list) == 1 {
		return list[0]
	}
	return strings.Join(list[:len(list)-1], ", ") + " and " + list[len(list)-1]
}

// check refuses reports that the command cannot write.
func (f *reportFlags) check() error {
	for _, v := range f.values {
		kind, file, ok := strings.Cut(v, ":")
		if !ok || file == "" {
			return fmt.Errorf("--report %s: write it as kind:file, for instance %s:report.out", v, f.kinds[0])
		}
		if !slices.Contains(f.kinds, kind) {
			return fmt.Errorf("--report %s: there is no kind %q here; the kinds are %s", v, kind, words(f.kinds))
		}
	}
	return nil
}

// write makes each report that was asked for.
func (f *reportFlags) write(make func(kind string, w io.Writer) error) hcl.Diagnostics {
	var ds hcl.Diagnostics
	for _, v := range f.values {
		kind, file, _ := strings.Cut(v, ":")
		ds = append(ds, writeReport(file, func(w io.Writer) error { return make(kind, w) })...)
	}
	return ds
}

// writeReport writes a file for the programs that run next. It holds nothing that is not shown as well.
func writeReport(file string, make func(io.Writer) error) hcl.Diagnostics {
	var b bytes.Buffer
	err := make(&b)
	if err == nil {
		err = os.WriteFile(file, b.Bytes(), 0o644)
	}
	if err != nil {
		return diag.FromError(CodeReport, "Report cannot be written", err, nil)
	}
	return nil
}

// findings are what reports of checks are made of.
type findings struct {
	command string   // for instance `validate`
	cases   []string // what was checked
	list    []ci.Finding
	general string // see ci.Suite
	strict  bool   // a warning fails its case
	took    time.Duration
	place   ci.Place
}

// report writes findings in a form for machines.
func (f *findings) report(kind string, w io.Writer) error {
	if kind == "junit" {
		suite := ci.Suite{Name: "meshplan " + f.command, Cases: f.cases, Findings: f.list, General: f.general, Took: f.took, Place: f.place}
		return ci.JUnit(w, suite, f.strict)
	}
	return ci.SARIF(w, f.list, ci.SARIFOptions{Version: readVersion().Version, Place: f.place, Explain: meaningOf})
}

// meaningOf returns the sentence that `meshplan explain` begins with.
func meaningOf(code diag.Code) string {
	p, _ := explain.Find(string(code))
	return p.Meaning
}

// place says where the files of a configuration are in its repository: below the work space of a build system, or else
// below the directory that holds .git.
func (a *app) place(files map[string]*hcl.File) ci.Place {
	wd, err := os.Getwd()
	if err != nil {
		return ci.Place{}
	}
	p := ci.Place{Dir: wd}
	for name := range files {
		if p.Fallback == "" || name < p.Fallback {
			p.Fallback = name
		}
	}
	for _, name := range []string{"GITHUB_WORKSPACE", "CI_PROJECT_DIR"} {
		if root := a.getenv(name); filepath.IsAbs(root) {
			p.Root = filepath.Clean(root)
			return p
		}
	}
	for dir := wd; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, ".git")); err == nil {
			p.Root = dir
			return p
		}
		if dir == filepath.Dir(dir) {
			return p
		}
	}
}
