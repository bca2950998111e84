// Package report draws what is known about a mesh: the dependency map as a table, Mermaid and SVG, and the compliance
// report as Markdown and HTML.
//
// The central idea: drawing is apart from looking. All functions are pure, deterministic and take plain values, so that
// the same map can be made from live metrics, from a recorded run or in a test. Names come from a cluster and are
// hostile until proven otherwise: each format escapes them in its own way, and nothing is fetched by what is drawn.
package report
