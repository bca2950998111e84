// Package ui is the terminal: what it can do, how progress is shown on it, and how people are asked.
//
// The central idea: a view consumes the engine's events and nothing else, so that every way to show progress (a live
// region, plain lines, a stream of JSON) sees the same run. A view has one goroutine that owns its state and its
// output; handing it an event never blocks, so a terminal that is stopped with Ctrl-S does not stop a rollout.
//
// Results go to standard output, progress, questions and findings to standard error. No meaning rests on colour or on
// a moving sign alone. Text from a cluster is made safe before it is written.
package ui
