package dag

// minHeap is a binary heap of numbers; the least is at index 0. All orders of this package come down to numbers, which
// makes this several times faster than container/heap and its interface calls.
type minHeap []int32

func (h *minHeap) push(v int32) {
	s := append(*h, v)
	i := len(s) - 1
	for i > 0 {
		up := (i - 1) / 2
		if s[up] <= v {
			break
		}
		s[i] = s[up]
		i = up
	}
	s[i] = v
	*h = s
}

func (h *minHeap) pop() int32 {
	s := *h
	least, v := s[0], s[len(s)-1]
	s = s[:len(s)-1]
	*h = s
	if len(s) == 0 {
		return least
	}
	i := 0
	for {
		down := 2*i + 1
		if down >= len(s) {
			break
		}
		if down+1 < len(s) && s[down+1] < s[down] {
			down++
		}
		if v <= s[down] {
			break
		}
		s[i] = s[down]
		i = down
	}
	s[i] = v
	return least
}
