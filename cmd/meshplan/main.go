// Command meshplan plans and applies service-mesh rollouts on Kubernetes. All of it is in package cli; `meshplan help` says how
// it is used.
package main

import (
	"os"

	"github.com/meshplan/meshplan/internal/cli"
)

func main() {
	os.Exit(cli.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr, os.Environ()))
}
