package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/spf13/pflag"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/tools/clientcmd"
)

// Demonstrations must show a cluster and change something by hand, on machines that have no kubectl. These two commands are
// the little that takes; the cluster is that of KUBECONFIG.

// objects is a resource of the cluster that KUBECONFIG names.
func objects(flags *pflag.FlagSet, namespace string) (dynamic.ResourceInterface, error) {
	path := os.Getenv("KUBECONFIG")
	if path == "" {
		return nil, errors.New("KUBECONFIG is not set: use sandbox run, or export what sandbox up printed")
	}
	config, err := clientcmd.BuildConfigFromFlags("", path)
	if err != nil {
		return nil, err
	}
	config.WarningHandler = rest.NoWarnings{}
	disco, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return nil, err
	}
	mapper := restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(disco))
	name, group, _ := strings.Cut(flags.Arg(0), ".")
	gvr, err := mapper.ResourceFor(schema.GroupVersionResource{Group: group, Resource: name})
	if err != nil {
		return nil, err
	}
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	if namespace == "" {
		return client.Resource(gvr), nil
	}
	return client.Resource(gvr).Namespace(namespace), nil
}

// editFlags reads the arguments of get and patch.
func editFlags(name string, args []string, least, most int) (*pflag.FlagSet, string, error) {
	flags := pflag.NewFlagSet(name, pflag.ContinueOnError)
	flags.SetOutput(os.Stderr)
	flags.Usage = func() {}
	namespace := flags.StringP("namespace", "n", "", "namespace; all when empty")
	if err := flags.Parse(args); err != nil {
		return nil, "", fmt.Errorf("%w: %w", errUsage, err)
	}
	if flags.NArg() < least || flags.NArg() > most {
		return nil, "", fmt.Errorf("%w: %s: unexpected or missing arguments", errUsage, name)
	}
	return flags, *namespace, nil
}

// get lists the objects of a resource.
func get(args []string) error {
	flags, namespace, err := editFlags("get", args, 1, 1)
	if err != nil {
		return err
	}
	resource, err := objects(flags, namespace)
	if err != nil {
		return err
	}
	list, err := resource.List(context.Background(), metav1.ListOptions{})
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	for _, o := range list.Items {
		fmt.Fprintf(w, "%s\t%s\t%s\n", o.GetNamespace(), o.GetKind(), o.GetName())
	}
	return w.Flush()
}

// patch changes an object by a JSON merge patch, as a hand would.
func patch(args []string) error {
	flags, namespace, err := editFlags("patch", args, 3, 3)
	if err != nil {
		return err
	}
	resource, err := objects(flags, namespace)
	if err != nil {
		return err
	}
	o, err := resource.Patch(context.Background(), flags.Arg(1), types.MergePatchType, []byte(flags.Arg(2)), metav1.PatchOptions{FieldManager: "by-hand"})
	if err != nil {
		return err
	}
	fmt.Printf("%s %s/%s changed by hand\n", o.GetKind(), o.GetNamespace(), o.GetName())
	return nil
}
