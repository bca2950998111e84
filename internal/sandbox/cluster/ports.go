package cluster

import (
	"fmt"
	"math/rand/v2"
	"net"
)

// Ports are drawn below the kernel's ephemeral range, so that no outgoing connection can take one between the moment
// it was found free and the moment the component listens on it. Another sandbox still can, which is why a start is
// tried again with other ports.
const portLow, portHigh = 12000, 30000

// freePorts returns n distinct loopback TCP ports nobody listens on.
func freePorts(n int) ([]int, error) {
	var ports []int
	var held []net.Listener
	defer func() {
		for _, l := range held {
			l.Close()
		}
	}()
	for range 1000 {
		if len(ports) == n {
			return ports, nil
		}
		p := portLow + rand.IntN(portHigh-portLow)
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", p))
		if err != nil {
			continue
		}
		held = append(held, l)
		ports = append(ports, p)
	}
	return nil, fmt.Errorf("found only %d of %d free ports", len(ports), n)
}
