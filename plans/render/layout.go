package render

import (
	"cmp"
	"slices"
	"unicode/utf8"
)

// The measures of a picture, in pixels.
const (
	charWidth = 7.3 // of the monospaced font at 12 pixels
	boxHeight = 38.0
	rowGap    = 12.0
	layerGap  = 56.0
	margin    = 14.0
	maxLabel  = 44 // characters
	hubSize   = 12.0
	sweeps    = 4
)

// place gives every box its layer and its position: longest paths decide the layer, barycentres the order within it.
// Each layer is as wide as its widest box. It costs O(sweeps × edges × log width), and there are at most as many bends as
// boxes × layers.
func (p *picture) place() {
	p.assignLayers(p.dependents())
	p.route()
	dependents := p.dependents()
	for sweep := range sweeps {
		down := sweep%2 == 0
		for l := range p.layers {
			if !down {
				l = len(p.layers) - 1 - l
			}
			p.sort(p.layers[l], dependents, down)
		}
	}
	p.coordinates(dependents)
}

func (p *picture) dependents() [][]int {
	out := make([][]int, len(p.boxes))
	for i, b := range p.boxes {
		for _, d := range b.deps {
			out[d] = append(out[d], i)
		}
	}
	return out
}

// route leads edges that are longer than one layer through a bend in each layer between, so that they pass boxes
// instead of crossing them. All long edges of a box share their bends as far as they go together.
func (p *picture) route() {
	type crossing struct{ from, layer int }
	bends := map[crossing]int{}
	for i := range len(p.boxes) {
		b := p.boxes[i]
		for k, d := range b.deps {
			last := d
			for l := p.boxes[d].layer + 1; l < b.layer; l++ {
				at, ok := bends[crossing{d, l}]
				if !ok {
					at = len(p.boxes)
					bends[crossing{d, l}] = at
					p.boxes = append(p.boxes, &box{bend: true, layer: l, deps: []int{last}, y: float64(len(p.layers[l]))})
					p.layers[l] = append(p.layers[l], at)
				}
				last = at
			}
			b.deps[k] = last
		}
	}
}

// assignLayers counts the longest way from the boxes that wait for nothing.
func (p *picture) assignLayers(dependents [][]int) {
	waiting := make([]int, len(p.boxes))
	var ready []int
	for i, b := range p.boxes {
		if waiting[i] = len(b.deps); waiting[i] == 0 {
			ready = append(ready, i)
		}
	}
	for len(ready) > 0 {
		i := ready[0]
		ready = ready[1:]
		b := p.boxes[i]
		for b.layer >= len(p.layers) {
			p.layers = append(p.layers, nil)
		}
		p.layers[b.layer] = append(p.layers[b.layer], i)
		for _, d := range dependents[i] {
			p.boxes[d].layer = max(p.boxes[d].layer, b.layer+1)
			if waiting[d]--; waiting[d] == 0 {
				ready = append(ready, d)
			}
		}
	}
	for _, l := range p.layers {
		slices.Sort(l)
		for row, i := range l {
			p.boxes[i].y = float64(row)
		}
	}
}

// sort orders a layer by the mean place of the neighbours before it, or behind it.
func (p *picture) sort(layer []int, dependents [][]int, down bool) {
	centre := make(map[int]float64, len(layer))
	for _, i := range layer {
		near := p.boxes[i].deps
		if !down {
			near = dependents[i]
		}
		centre[i] = p.mean(near, p.boxes[i].y)
	}
	slices.SortStableFunc(layer, func(a, b int) int { return cmp.Or(cmp.Compare(centre[a], centre[b]), cmp.Compare(a, b)) })
	for row, i := range layer {
		p.boxes[i].y = float64(row)
	}
}

func (p *picture) mean(boxes []int, otherwise float64) float64 {
	if len(boxes) == 0 {
		return otherwise
	}
	sum := 0.0
	for _, i := range boxes {
		sum += p.boxes[i].y
	}
	return sum / float64(len(boxes))
}

// coordinates turns layers and orders into pixels: columns side by side, and boxes as near to the height of their
// neighbours as their order allows.
func (p *picture) coordinates(dependents [][]int) {
	x := margin
	for _, layer := range p.layers {
		width := 0.0
		for row, i := range layer {
			b := p.boxes[i]
			b.x, b.y, b.w = x, float64(row)*(boxHeight+rowGap), b.width()
			width = max(width, b.w)
		}
		for _, i := range layer {
			if b := p.boxes[i]; b.bend {
				b.w = width
			}
		}
		x += width + layerGap
	}
	p.width = x - layerGap + margin
	for pass := range 2 * sweeps {
		for l := range p.layers {
			if pass%2 == 1 {
				l = len(p.layers) - 1 - l
			}
			p.align(p.layers[l], dependents)
		}
	}
	top, bottom := 0.0, 0.0
	for i, b := range p.boxes {
		if i == 0 || b.y < top {
			top = b.y
		}
	}
	for _, b := range p.boxes {
		b.y += margin + boxHeight/2 - top
		bottom = max(bottom, b.y)
	}
	p.height = bottom + boxHeight/2 + margin
}

// align moves the boxes of a layer towards their neighbours, and then apart as far as they overlap.
func (p *picture) align(layer []int, dependents [][]int) {
	if len(layer) == 0 {
		return
	}
	wish := make([]float64, len(layer))
	for row, i := range layer {
		wish[row] = p.mean(slices.Concat(p.boxes[i].deps, dependents[i]), p.boxes[i].y)
	}
	place := slices.Clone(wish)
	for row := 1; row < len(place); row++ {
		place[row] = max(place[row], place[row-1]+p.boxes[layer[row-1]].height()/2+rowGap+p.boxes[layer[row]].height()/2)
	}
	shift := 0.0 // what pushing apart has moved everything down by, on average
	for row := range place {
		shift += place[row] - wish[row]
	}
	for row, i := range layer {
		p.boxes[i].y = place[row] - shift/float64(len(layer))
	}
}

func (b *box) height() float64 {
	if b.bend || b.hub {
		return 4
	}
	return boxHeight
}

func (b *box) width() float64 {
	switch {
	case b.bend:
		return 0
	case b.hub:
		return hubSize
	}
	n := max(utf8.RuneCountInString(short(b.label)), utf8.RuneCountInString(b.title))
	return float64(n)*charWidth + 20
}

// short cuts the middle out of a long label: both ends of an address tell.
func short(s string) string {
	r := []rune(s)
	if len(r) <= maxLabel {
		return s
	}
	return string(r[:maxLabel/2-1]) + "…" + string(r[len(r)-maxLabel/2:])
}
