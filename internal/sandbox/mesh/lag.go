package mesh

import (
	"strconv"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

// lag makes an injector answer from an old copy of a namespace, as real ones do whose watch has not yet told them of a change;
// see annInjectorLag. The zero value is ready to use; it is safe for concurrent use.
type lag struct {
	mu   sync.Mutex
	seen map[types.UID]*copies
}

// copies are what an injector knows of a namespace: as it was, as it is, and how many answers still come from the old copy.
type copies struct {
	old, current *corev1.Namespace
	trials, pods int
}

// view returns the copy of a namespace that the next answer comes from.
func (l *lag) view(namespace *corev1.Namespace, dryRun bool) *corev1.Namespace {
	n, _ := strconv.Atoi(namespace.Annotations[annInjectorLag])
	if n <= 0 {
		return namespace
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.seen[namespace.UID]
	if c == nil {
		c = &copies{current: namespace}
		if l.seen == nil {
			l.seen = map[types.UID]*copies{}
		}
		l.seen[namespace.UID] = c
	}
	if c.current.Annotations[annInject] != namespace.Annotations[annInject] {
		c.old, c.trials, c.pods = c.current, n, n
	}
	c.current = namespace
	left := &c.pods
	if dryRun {
		left = &c.trials
	}
	if *left == 0 {
		return namespace
	}
	*left--
	return c.old
}
