// Package examples holds runnable rollouts, one a directory. It has no code: its tests carry the examples out with the real program, as
// a user would, on a throw-away cluster, and take the program through what goes wrong on the way: kills, wrong configurations,
// clusters that are away or refuse, two operators at once.
//
// The tests share one cluster and the examples have fixed names in it, so no two tests may run at the same time. Each leaves the
// cluster as it found it, even when it fails.
package examples
