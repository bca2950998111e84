package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kwokconfig "sigs.k8s.io/kwok/pkg/config"
	kwok "sigs.k8s.io/kwok/pkg/kwok/cmd"
	kwoklog "sigs.k8s.io/kwok/pkg/log"
	kwoksignals "sigs.k8s.io/kwok/pkg/utils/signals"

	"github.com/meshplan/meshplan/internal/sandbox/cluster"
)

// components are the main functions of the programs inside this binary. Each finds its own command line in os.Args
// and returns an exit code.
var components = map[string]func() int{
	cluster.Etcd:              func() int { etcdmain.Main(os.Args); return 0 },
	cluster.APIServer:         kubernetes(apiserver.NewAPIServerCommand),
	cluster.ControllerManager: kubernetes(controllermanager.NewControllerManagerCommand),
	cluster.Scheduler:         kubernetes(func() *cobra.Command { return scheduler.NewSchedulerCommand() }),
	cluster.Kwok:              runKwok,
}

func kubernetes(newCommand func() *cobra.Command) func() int {
	return func() int { return cli.Run(newCommand()) }
}

// runKwok is KWOK's main function, which its module keeps in package main.
func runKwok() int {
	flags := pflag.NewFlagSet("global", pflag.ContinueOnError)
	flags.ParseErrorsAllowlist.UnknownFlags = true
	flags.Usage = func() {}
	ctx, _ := kwoklog.InitFlags(kwoksignals.SetupSignalContext(), flags)
	ctx, err := kwokconfig.InitFlags(ctx, flags)
	if err == nil {
		command := kwok.NewCommand(ctx)
		command.Version = "" // its --version clashes with the one that Kubernetes' packages declare globally
		command.PersistentFlags().AddFlagSet(flags)
		err = command.ExecuteContext(ctx)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "kwok:", err)
		return 1
	}
	return 0
}
