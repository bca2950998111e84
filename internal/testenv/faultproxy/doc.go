// Package faultproxy puts a proxy that misbehaves in front of a real API server, for tests that prove that trouble on
// the way to the cluster does no harm.
//
// The central idea: a Rule says which requests are hit, how often, and what happens to them: refused with 429 or 500,
// reset before the server saw them, reset after the server did what they asked (the answer that never arrives),
// delayed, cut in the middle of the body or of a watch. Rules count requests instead of throwing dice, so a test that
// fails fails again. Every request is noted and can be counted.
//
//	p := faultproxy.New(t, testenv.Kubeconfig(t),
//		faultproxy.Rule{Match: faultproxy.Writes, Every: 3, Fault: faultproxy.LoseAnswer()},
//		faultproxy.Rule{Match: faultproxy.Watches, Fault: faultproxy.Cut(200 * time.Millisecond)})
//	pool := kube.NewPool(kube.Options{Kubeconfig: p.Kubeconfig})
//
// It serves plain HTTP/1.1 on a loopback port and ends with the test.
package faultproxy
