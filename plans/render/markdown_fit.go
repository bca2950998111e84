package render

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// The ranks say what is shortened first when the output is too long.
const (
	rankCreate = iota + 1
	rankUpdate
	rankSame
	rankGraph
	rankDrift
	rankDestroy
	rankList    // lines of what does not destroy
	rankWarning // details of warnings
	rankBare    // reasons of what destroys
	rankLast    // lines that a reader must not miss
)

// form is one way to write an item: the shorter one behind it takes its place when rank has come.
type form struct {
	rank int
	text string
}

// item is a part of the output with ever shorter forms. A form of rank 0 is never given up.
type item []form

// fit writes the items, shortened until they fit. Within a rank the largest go first, so that as many as possible stay.
// It costs O(n log n) for each rank.
func (m *markdown) fit(limit int) string {
	const room = 400 // for the remarks that something was left out, without the link
	most := limit - room - 2*len(m.o.Link)
	size, missed := 0, 0
	omitted := map[int]bool{}
	for _, it := range m.items {
		size += len(it[0].text)
	}
	for rank := rankCreate; limit > 0 && rank <= rankLast && size > most; rank++ {
		var at []int
		for i, it := range m.items {
			if it[0].rank == rank && len(it) > 1 {
				at = append(at, i)
			}
		}
		saved := func(i int) int { return len(m.items[i][0].text) - len(m.items[i][1].text) }
		slices.SortStableFunc(at, func(a, b int) int { return cmp.Or(cmp.Compare(saved(b), saved(a)), cmp.Compare(b, a)) })
		for _, i := range at {
			if size <= most {
				break
			}
			size -= saved(i)
			m.items[i] = m.items[i][1:]
			omitted[i] = true
			if rank == rankLast {
				missed++
			}
		}
	}
	var b strings.Builder
	for i, it := range m.items {
		b.WriteString(it[0].text)
		if i == 0 && missed > 0 {
			fmt.Fprintf(&b, "**%d destructive changes or warnings do not fit here. Do not decide by this text alone.**%s\n\n", missed, m.elsewhere())
		}
	}
	if len(omitted) > 0 {
		fmt.Fprintf(&b, "\n%s omitted%s.\n", plural(len(omitted), "detail"), m.elsewhere())
	}
	return b.String()
}

// elsewhere says where the whole plan is.
func (m *markdown) elsewhere() string {
	if link := m.link("full plan"); link != "" {
		return ", see the " + link
	}
	if m.p == nil {
		return "; `meshplan drift` shows all of it"
	}
	return "; `meshplan show` prints the full plan"
}
