package render

// nameKey is the attribute by which elements of lists are told apart.
const nameKey = "name"

// pair matches an element of the old list with one of the new list; -1 means that there is none.
type pair struct{ before, after int }

// match pairs the elements of two lists in the order in which they are shown.
func match(before, after []*node) []pair {
	if pairs, ok := matchByName(before, after); ok {
		return pairs
	}
	return matchInOrder(before, after)
}

// matchByName pairs objects that have a name, if all of them have one of their own.
func matchByName(before, after []*node) (pairs []pair, ok bool) {
	index := func(kids []*node) map[string]int {
		m := make(map[string]int, len(kids))
		for i, n := range kids {
			name := n.get(nameKey)
			if !name.is(text) {
				return nil
			}
			if _, twice := m[name.text]; twice {
				return nil
			}
			m[name.text] = i
		}
		return m
	}
	olds, news := index(before), index(after)
	if olds == nil || news == nil {
		return nil, false
	}
	for i, n := range before {
		if _, stays := news[n.get(nameKey).text]; !stays {
			pairs = append(pairs, pair{i, -1})
		}
	}
	for i, n := range after {
		old, stays := olds[n.get(nameKey).text]
		if !stays {
			old = -1
		}
		pairs = append(pairs, pair{old, i})
	}
	return pairs, true
}

// maxTable bounds the work of finding what two lists have in common. Longer lists are compared position by position.
const maxTable = 1 << 20

// matchInOrder keeps the longest common subsequence. What is removed and what is added in the same place counts as
// changed when both are collections: their difference says more than both of them.
func matchInOrder(before, after []*node) []pair {
	var pairs []pair
	if len(before)*len(after) > maxTable {
		for i := range max(len(before), len(after)) {
			p := pair{i, i}
			if i >= len(before) {
				p.before = -1
			}
			if i >= len(after) {
				p.after = -1
			}
			pairs = append(pairs, p)
		}
		return pairs
	}
	// longest[i][j] is the length of what before[i:] and after[j:] have in common.
	longest := make([][]int, len(before)+1)
	for i := range longest {
		longest[i] = make([]int, len(after)+1)
	}
	for i := len(before) - 1; i >= 0; i-- {
		for j := len(after) - 1; j >= 0; j-- {
			if same(before[i], after[j]) {
				longest[i][j] = longest[i+1][j+1] + 1
			} else {
				longest[i][j] = max(longest[i+1][j], longest[i][j+1])
			}
		}
	}
	collection := func(n *node) bool { return n.is(object) || n.is(list) }
	i, j := 0, 0
	for i < len(before) || j < len(after) {
		switch {
		case i < len(before) && j < len(after) && same(before[i], after[j]):
			pairs = append(pairs, pair{i, j})
			i, j = i+1, j+1
		case i < len(before) && j < len(after) && collection(before[i]) && collection(after[j]) && longest[i+1][j+1] == longest[i][j]:
			pairs = append(pairs, pair{i, j})
			i, j = i+1, j+1
		case j >= len(after) || i < len(before) && longest[i+1][j] >= longest[i][j+1]:
			pairs = append(pairs, pair{i, -1})
			i++
		default:
			pairs = append(pairs, pair{-1, j})
			j++
		}
	}
	return pairs
}
