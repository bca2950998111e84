package cluster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

const (
	// attempts is how often a start is tried; another sandbox may take a port first.
	attempts = 3
	// startTimeout bounds one attempt. It is generous because a loaded machine starts five programs slowly.
	startTimeout = 90 * time.Second
)

// supervisor owns the components of one sandbox. Its fields belong to the goroutine that calls Supervise, except
// network, which the kubelet reads.
type supervisor struct {
	dir      Dir
	options  Options
	attach   Attach
	network  atomic.Pointer[Network]
	children []*Process // in the order of their start
	failed   chan string
}

// Supervise runs a sandbox in dir until ctx ends or a component dies, calling ready once the API answers, all nodes
// are Ready and pods can be created. It ends every component before it returns; the error is nil when ctx ended it.
func Supervise(ctx context.Context, dir Dir, o Options, attach Attach, ready func()) error {
	ca, serving, err := dir.credentials()
	if err != nil {
		return err
	}
	s := &supervisor{dir: dir, options: o, attach: attach}
	k := newKubelet(serving, func() Network {
		if n := s.network.Load(); n != nil {
			return *n
		}
		return nil
	})
	defer k.listener.Close()
	for try := 1; ; try++ {
		err := s.attempt(ctx, ca, k, ready)
		if ctx.Err() != nil {
			return nil
		}
		var early *startError
		if !errors.As(err, &early) || try == attempts {
			return err
		}
		slog.Warn("start failed, trying other ports", "attempt", try, "err", err)
		_ = os.RemoveAll(dir.path("etcd"))
	}
}

// startError is a failure before the sandbox was ready.
type startError struct{ err error }

func (e *startError) Error() string { return "start: " + e.err.Error() }
func (e *startError) Unwrap() error { return e.err }

// attempt runs one set of components from start to end.
func (s *supervisor) attempt(ctx context.Context, ca *authority, k *kubelet, ready func()) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s.children, s.failed = nil, make(chan string, 8)
	defer s.stop()

	ports, err := freePorts(3)
	if err != nil {
		return err
	}
	egress, err := newEgress(fmt.Sprintf("@meshplan-sandbox-%d-%d", os.Getpid(), ports[0]))
	if err != nil {
		return err
	}
	go egress.serve(ctx, s.route(k))
	if err := errors.Join(s.dir.kubeconfigs(ca, ports[2]), s.dir.files(s.options, egress.config())); err != nil {
		return err
	}
	for _, c := range []struct {
		name string
		args []string
	}{
		{Etcd, s.dir.etcdArgs(ports[0], ports[1])},
		{APIServer, s.dir.apiServerArgs(s.options, ports[2], ports[0], s.dir.path("run", "egress.yaml"))},
	} {
		if err := s.start(c.name, c.args); err != nil {
			return err
		}
	}

	startCtx, startCancel := context.WithTimeout(ctx, startTimeout)
	defer startCancel()
	failed := make(chan error, 1)
	go func() { failed <- s.bringUp(startCtx, ctx) }()
	select {
	case name := <-s.failed:
		startCancel()
		<-failed // it starts children as well
		return &startError{fmt.Errorf("%s ended: %s", name, s.dir.tail(name))}
	case err := <-failed:
		if err != nil {
			return &startError{err}
		}
	}
	ready()
	select {
	case name := <-s.failed:
		return fmt.Errorf("%s ended: %s", name, s.dir.tail(name))
	case <-ctx.Done():
		return nil
	}
}

// start starts one component and reports its end.
func (s *supervisor) start(name string, args []string) error {
	cmd, err := s.dir.command(name, args...)
	if err != nil {
		return err
	}
	p, err := Start(name, cmd, syscall.SIGKILL)
	cmd.Stdout.(*os.File).Close()
	if err != nil {
		return err
	}
	s.children = append(s.children, p)
	_ = writePid(s.dir.pid(name), cmd.Process.Pid)
	failed := s.failed
	go func() { <-p.Done(); failed <- name }()
	return nil
}

// stop ends the components, clients before servers so that none spends its last second on retries.
func (s *supervisor) stop() {
	for _, p := range s.children {
		if p.name != Etcd && p.name != APIServer {
			p.Signal(syscall.SIGKILL)
		}
	}
	// The store does not outlive the sandbox, so nobody is given time to say goodbye to it.
	for _, p := range s.children {
		p.Stop(0)
		_ = os.Remove(s.dir.pid(p.name))
	}
}

// bringUp waits for the API, starts its clients and waits until pods could be created. The network it attaches
// lives as long as life.
func (s *supervisor) bringUp(ctx, life context.Context) error {
	config, err := clientcmd.BuildConfigFromFlags("", s.dir.path("run", "supervisor.kubeconfig"))
	if err != nil {
		return err
	}
	config.QPS = -1
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	if err := wait(ctx, "the API server", func() error {
		return client.Discovery().RESTClient().Get().AbsPath("/readyz").Do(ctx).Error()
	}); err != nil {
		return err
	}
	for _, c := range []struct {
		name string
		args []string
	}{
		{ControllerManager, s.dir.controllerManagerArgs()},
		{Scheduler, s.dir.schedulerArgs()},
		{Kwok, s.dir.kwokArgs()},
	} {
		if err := s.start(c.name, c.args); err != nil {
			return err
		}
	}
	if err := wait(ctx, "node objects", func() error { return createNodes(ctx, client, s.options.Nodes) }); err != nil {
		return err
	}
	if s.attach != nil {
		n, err := s.attach(life, rest.CopyConfig(config))
		if err != nil {
			return err
		}
		s.network.Store(&n)
	}
	return wait(ctx, "nodes and the default service account", func() error { return usable(ctx, client) })
}

// usable says what is missing before a pod can be created and scheduled.
func usable(ctx context.Context, client kubernetes.Interface) error {
	if _, err := client.CoreV1().ServiceAccounts("default").Get(ctx, "default", metav1.GetOptions{}); err != nil {
		return err
	}
	nodes, err := client.CoreV1().Nodes().List(ctx, metav1.ListOptions{ResourceVersion: "0"})
	if err != nil {
		return err
	}
	for _, n := range nodes.Items {
		// Admission taints a new node until the controller manager has seen that it is Ready.
		if len(n.Spec.Taints) > 0 {
			return fmt.Errorf("node %s still has taint %s", n.Name, n.Spec.Taints[0].Key)
		}
	}
	return nil
}

// wait calls try until it succeeds or ctx ends.
func wait(ctx context.Context, what string, try func() error) error {
	for {
		err := try()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s: %w", what, errors.Join(ctx.Err(), err))
		case <-time.After(25 * time.Millisecond):
		}
	}
}

// route sends kubelet traffic to k and everything else to the network.
func (s *supervisor) route(k *kubelet) Router {
	return func(addr string) (func(net.Conn), bool) {
		host, p, err := net.SplitHostPort(addr)
		if err != nil {
			return nil, false
		}
		port, err := strconv.Atoi(p)
		if err != nil {
			return nil, false
		}
		if port == KubeletPort {
			return k.listener.Hand, true
		}
		if n := s.network.Load(); n != nil {
			return (*n).Pod(host, port)
		}
		return nil, false
	}
}
