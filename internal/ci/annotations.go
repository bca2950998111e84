package ci

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// maxAnnotations is how many of each level GitHub keeps for a step; it drops the others without a word.
const maxAnnotations = 10

// Annotations writes findings as commands to GitHub's runner, which shows them beside the lines of a pull request.
// Findings in files that the pull request changes come first. When there are more of a level than GitHub keeps, the last
// one says how many are hidden.
func Annotations(w io.Writer, findings []Finding, place Place, changed []string) error {
	fs := worst(findings)
	slices.SortStableFunc(fs, func(a, b Finding) int {
		rank := func(f *Finding) int {
			file, _, _ := place.position(f)
			if slices.Contains(changed, file) {
				return 0
			}
			return 1
		}
		if a.Level != b.Level {
			return int(a.Level) - int(b.Level)
		}
		return rank(&a) - rank(&b)
	})
	total, written := map[Level]int{}, map[Level]int{}
	for i := range fs {
		total[fs[i].Level]++
	}
	for i := range fs {
		f := &fs[i]
		written[f.Level]++
		switch n := written[f.Level]; {
		case n > maxAnnotations:
			continue
		case n == maxAnnotations && total[f.Level] > maxAnnotations:
			hidden := total[f.Level] - n + 1
			if _, err := fmt.Fprintf(w, "::%s title=%s::%s\n", f.Level, property("meshplan"), message(fmt.Sprintf("%d more findings of this kind are not shown here; the log of the step has them all.", hidden))); err != nil {
				return err
			}
			continue
		}
		if _, err := io.WriteString(w, annotation(f, place)); err != nil {
			return err
		}
	}
	return nil
}

func annotation(f *Finding, place Place) string {
	props := []string{}
	if file, line, column := place.position(f); file != "" {
		props = append(props, "file="+property(file))
		if line > 0 {
			props = append(props, fmt.Sprintf("line=%d", line), fmt.Sprintf("col=%d", column))
		}
		if line > 0 && f.Range.End.Line > line {
			props = append(props, fmt.Sprintf("endLine=%d", f.Range.End.Line))
		}
	}
	props = append(props, "title="+property(oneLine(f.Summary)+" ["+string(f.Code)+"]"))
	text := f.Message()
	return fmt.Sprintf("::%s %s::%s\n", f.Level, strings.Join(props, ","), message(text))
}

// message and property escape as GitHub's toolkit does.
func message(s string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A").Replace(s)
}

func property(s string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C").Replace(s)
}
