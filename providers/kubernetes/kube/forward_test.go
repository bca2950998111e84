package kube_test

import (
	"testing"
)

func TestForwardToAMissingPodSaysSo(t *testing.T) {
	r := newRig(t)
	conn, err := r.Forward(t.Context(), r.ns, "no-such-pod", 4191)
	if err == nil {
		_ = conn.Close()
		t.Fatal("a connection to nothing")
	}
}
