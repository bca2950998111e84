package dag_test

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/meshplan/meshplan/internal/dag"
)

func Example() {
	g := dag.New(strings.Compare)
	g.Add("walls", "floor")
	g.Add("roof", "walls")
	g.Add("garden")
	order, _ := g.Sort()
	fmt.Println(order)

	g.Add("floor", "roof")
	_, err := g.Sort()
	fmt.Println(err)
	// Output:
	// [floor garden walls roof]
	// dependency cycle: floor → roof → walls → floor
}

func ExampleWalk() {
	g := dag.New(strings.Compare)
	g.Add("walls", "floor")
	g.Add("roof", "walls")
	g.Add("garden")
	report := dag.Walk(context.Background(), g, dag.WalkOptions[string]{Limit: 2}, func(ctx context.Context, n string, slot *dag.Slot) error {
		if n == "floor" {
			return errors.New("the concrete is late")
		}
		slot.Release() // waiting for the paint to dry keeps nobody else from work
		return nil
	})
	for _, o := range report.Outcomes {
		switch {
		case o.Cause != nil:
			fmt.Printf("%s: %s, because of %s\n", o.Node, o.Status, o.Cause.Node)
		default:
			fmt.Printf("%s: %s\n", o.Node, o.Status)
		}
	}
	fmt.Println(report.Err())
	// Output:
	// floor: failed
	// garden: done
	// roof: skipped, because of floor
	// walls: skipped, because of floor
	// floor: the concrete is late
}
