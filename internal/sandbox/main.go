package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/pflag"

	"github.com/meshplan/meshplan/internal/sandbox/cluster"
	"github.com/meshplan/meshplan/internal/sandbox/mesh"
)

const usage = `usage:
  sandbox up --dir D [--nodes N] [--mesh] [--audit]
  sandbox down --dir D
  sandbox run [--dir D] [--nodes N] [--mesh] [--audit] -- CMD...
  sandbox kubeconfig --dir D --user NAME
  sandbox get RESOURCE [-n NAMESPACE]                    (of the cluster in KUBECONFIG)
  sandbox patch RESOURCE NAME JSON [-n NAMESPACE]
`

func main() {
	if len(os.Args) < 2 {
		fmt.Fprint(os.Stderr, usage)
		os.Exit(2)
	}
	if component, ok := components[os.Args[1]]; ok {
		os.Args = os.Args[1:]
		os.Exit(component())
	}
	os.Exit(command(os.Args[1], os.Args[2:]))
}

// errUsage marks wrong command lines, which exit with 2.
var errUsage = errors.New("wrong usage")

func command(name string, args []string) int {
	code := 0
	var err error
	switch name {
	case "up":
		err = up(args)
	case "down":
		err = down(args)
	case "run":
		code, err = run(args)
	case "kubeconfig":
		err = userKubeconfig(args)
	case "get":
		err = get(args)
	case "patch":
		err = patch(args)
	case cluster.SuperviseCommand:
		err = supervise(args)
	case "help", "-h", "--help":
		fmt.Print(usage)
	default:
		err = fmt.Errorf("%w: unknown command %q", errUsage, name)
	}
	switch {
	case errors.Is(err, errUsage):
		fmt.Fprintf(os.Stderr, "sandbox: %v\n%s", err, usage)
		return 2
	case err != nil:
		fmt.Fprintf(os.Stderr, "sandbox: %v\n", err)
		return max(code, 1)
	}
	return code
}

// parse reads flags and resolves the folder. Arguments after the flags are returned only if rest says that they are
// expected.
func parse(name string, args []string, rest bool, add func(*pflag.FlagSet)) (cluster.Dir, []string, error) {
	flags := pflag.NewFlagSet(name, pflag.ContinueOnError)
	flags.SetOutput(os.Stderr)
	flags.Usage = func() {}
	flags.SetInterspersed(false)
	dir := flags.String("dir", "", "folder of the sandbox")
	if add != nil {
		add(flags)
	}
	if err := flags.Parse(args); err != nil {
		return "", nil, fmt.Errorf("%w: %w", errUsage, err)
	}
	if rest == (flags.NArg() == 0) {
		return "", nil, fmt.Errorf("%w: %s: unexpected or missing arguments", errUsage, name)
	}
	if n, err := flags.GetInt("nodes"); err == nil && (n < 1 || n > cluster.MaxNodes) {
		return "", nil, fmt.Errorf("%w: --nodes must be from 1 to %d", errUsage, cluster.MaxNodes)
	}
	if *dir == "" {
		if !rest {
			return "", nil, fmt.Errorf("%w: %s needs --dir", errUsage, name)
		}
		return "", flags.Args(), nil
	}
	d, err := cluster.Resolve(*dir)
	return d, flags.Args(), err
}

// optionFlags declares the flags that up and run share.
func optionFlags(o *cluster.Options) func(*pflag.FlagSet) {
	return func(f *pflag.FlagSet) {
		f.IntVar(&o.Nodes, "nodes", cluster.DefaultNodes, "number of nodes")
		f.BoolVar(&o.Mesh, "mesh", false, "add the stand-ins for Linkerd's pods")
		f.BoolVar(&o.Audit, "audit", false, "write an audit log")
	}
}

func up(args []string) error {
	var o cluster.Options
	d, _, err := parse("up", args, false, optionFlags(&o))
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	started, err := cluster.Up(ctx, d, o)
	if err != nil {
		return err
	}
	if !started {
		fmt.Fprintf(os.Stderr, "sandbox: already running in %s\n", d)
	}
	fmt.Println(d.Kubeconfig())
	return nil
}

func down(args []string) error {
	d, _, err := parse("down", args, false, nil)
	if err != nil {
		return err
	}
	stopped, err := cluster.Down(d)
	if err == nil && !stopped {
		fmt.Fprintf(os.Stderr, "sandbox: none in %s\n", d)
	}
	return err
}

func run(args []string) (int, error) {
	var o cluster.Options
	d, argv, err := parse("run", args, true, optionFlags(&o))
	if err != nil {
		return 2, err
	}
	return cluster.Run(d, o, argv)
}

func userKubeconfig(args []string) error {
	var user string
	d, _, err := parse("kubeconfig", args, false, func(f *pflag.FlagSet) {
		f.StringVar(&user, "user", "", "name of the user")
	})
	if err != nil {
		return err
	}
	if user == "" {
		return fmt.Errorf("%w: kubeconfig needs --user", errUsage)
	}
	b, err := cluster.UserKubeconfig(d, user)
	if err != nil {
		return err
	}
	_, err = os.Stdout.Write(b)
	return err
}

// supervise is started by up and run only.
func supervise(args []string) error {
	d, _, err := parse(cluster.SuperviseCommand, args, false, nil)
	if err != nil {
		return err
	}
	slog.SetDefault(slog.New(slog.NewTextHandler(os.Stderr, nil)))
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	return cluster.RunSupervisor(ctx, d, mesh.Attach)
}
