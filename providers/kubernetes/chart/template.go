package chart

import (
	"context"
	"fmt"
	"maps"
	"path"
	"strings"
	"text/template"
	"time"

	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/common/util"
	v2 "helm.sh/helm/v4/pkg/chart/v2"
	chartutil "helm.sh/helm/v4/pkg/chart/v2/util"
	"helm.sh/helm/v4/pkg/engine"
)

// renderTimeout bounds one evaluation of all templates of a chart.
const renderTimeout = 30 * time.Second

// timeShift is how far the clock of the second rendering is ahead: it changes every field of a date, so that a template
// which prints any of them is found.
const timeShift = 400*24*time.Hour + 7*time.Hour + 13*time.Minute + 29*time.Second

// maxRepeat bounds the template functions that make something large out of a small number.
const maxRepeat = 1 << 20

// evaluation is one run of a chart's templates.
type evaluation struct {
	files map[string]string // output by template, without notes
	notes string
}

// input is what the templates of a chart are given. Templates may change it, so it serves one evaluation.
type input struct {
	chart *v2.Chart // with disabled dependencies removed
	top   common.Values
}

// values are what templates see as .Values, defaults included.
func (in *input) values() map[string]any {
	v, _ := in.top["Values"].(common.Values)
	return v
}

// prepare merges values with the chart's defaults. The values of o are not changed.
func (c *Chart) prepare(o RenderOptions, va variant) (*input, error) {
	parsed, err := c.parse()
	if err != nil {
		return nil, err
	}
	values := va.resolve(map[string]any(o.Values), "").(map[string]any)
	var top common.Values
	quietly(func() {
		if err = chartutil.ProcessDependencies(parsed, values); err != nil {
			return
		}
		// The schema is checked by checkSchema, which neither opens files nor connections.
		top, err = util.ToRenderValuesWithSchemaValidation(parsed, values, common.ReleaseOptions{
			Name: o.ReleaseName, Namespace: o.Namespace, Revision: 1, IsInstall: true,
		}, o.capabilities(), true)
	})
	if err != nil {
		return nil, err
	}
	return &input{parsed, top}, nil
}

// evaluate runs all templates.
func (in *input) evaluate(ctx context.Context, va variant) (*evaluation, error) {
	files, err := run(ctx, engine.Engine{CustomTemplateFuncs: functions(va)}, in.chart, in.top)
	if err != nil {
		return nil, err
	}
	out := &evaluation{files: files, notes: files[path.Join(in.chart.Name(), "templates", notesName)]}
	maps.DeleteFunc(files, func(name, _ string) bool { return path.Base(name) == notesName })
	return out, nil
}

const notesName = "NOTES.txt"

// run evaluates templates until ctx or the time limit ends. Templates cannot be stopped: one that runs away keeps its
// goroutine until the program ends.
func run(ctx context.Context, e engine.Engine, parsed *v2.Chart, values common.Values) (map[string]string, error) {
	ctx, cancel := context.WithTimeout(ctx, renderTimeout)
	defer cancel()
	type outcome struct {
		files map[string]string
		err   error
	}
	done := make(chan outcome, 1)
	go quietly(func() {
		files, err := e.RenderWithContext(ctx, parsed, values)
		done <- outcome{files, err}
	})
	select {
	case out := <-done:
		return out.files, out.err
	case <-ctx.Done():
		return nil, fmt.Errorf("the templates did not finish: %w", context.Cause(ctx))
	}
}

// functions replaces template functions: those that read the clock, where the variant asks for another time, and
// those that make large things out of small numbers.
func functions(va variant) template.FuncMap {
	f := template.FuncMap{
		"repeat": func(n int, s string) (string, error) {
			if n < 0 || n > maxRepeat || n*len(s) > 8*maxRepeat {
				return "", fmt.Errorf("repeat: %d times %d bytes is too much", n, len(s))
			}
			return strings.Repeat(s, n), nil
		},
		"until": func(n int) ([]int, error) { return steps(0, n, sign(n)) },
		"untilStep": func(from, to, step int) ([]int, error) {
			return steps(from, to, step)
		},
	}
	if va == anotherTime {
		f["now"] = func() time.Time { return time.Now().Add(timeShift) }
	}
	return f
}

func sign(n int) int {
	if n < 0 {
		return -1
	}
	return 1
}

// steps counts from one number to another, which is not included.
func steps(from, to, step int) ([]int, error) {
	out := []int{}
	if step == 0 || step > 0 && from >= to || step < 0 && from <= to {
		return out, nil
	}
	if n := (to - from) / step; n > maxRepeat {
		return nil, fmt.Errorf("until: %d steps are too many", n)
	}
	for i := from; step > 0 && i < to || step < 0 && i > to; i += step {
		out = append(out, i)
	}
	return out, nil
}
