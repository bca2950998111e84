// Package render turns a plan into what people and programs read: text for terminals, Terraform's JSON
// representation, Markdown for pull requests, and DOT, Mermaid or a tree for the order of the steps. All of it is
// pure: a plan goes in, bytes go out, and the same plan gives the same bytes.
//
// The central idea: a value is first turned into a tree that cannot hold a secret (node), and renderers see nothing
// else. What is marked sensitive or ephemeral, what a plan file lists as secret and what looks like a private key
// becomes "(sensitive value)" there, so no renderer can forget to hide it.
//
// Caveat: names and texts may come from a cluster or from a stranger's pull request. Every renderer makes them safe for
// what it writes (terminal, Markdown, DOT, Mermaid).
package render
