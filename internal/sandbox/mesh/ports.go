package mesh

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
)

// portRange is an inclusive range of ports.
type portRange struct{ low, high int }

// parsePorts reads a list such as "25,8000-8010". Names and malformed entries are left out, as the injector does.
func parsePorts(list string) []portRange {
	var out []portRange
	for _, e := range splitList(list) {
		low, high, isRange := strings.Cut(e, "-")
		if !isRange {
			high = low
		}
		l, err1 := strconv.Atoi(strings.TrimSpace(low))
		h, err2 := strconv.Atoi(strings.TrimSpace(high))
		if err1 == nil && err2 == nil && l <= h {
			out = append(out, portRange{l, h})
		}
	}
	return out
}

func containsPort(ranges []portRange, port int) bool {
	for _, r := range ranges {
		if r.low <= port && port <= r.high {
			return true
		}
	}
	return false
}

// intersectPorts returns those of ports that the list covers, comma separated in the list's order.
func intersectPorts(list string, ports []int32) string {
	var out []string
	for _, r := range parsePorts(list) {
		for _, p := range ports {
			if r.low <= int(p) && int(p) <= r.high {
				out = append(out, strconv.Itoa(int(p)))
			}
		}
	}
	return strings.Join(out, ",")
}

func hash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}
