// Package ci turns findings and plans into what build systems read: SARIF and JUnit reports, annotations, outputs and
// summaries of GitHub's workflows, the Terraform report of GitLab, and the payload of a comment that is kept up to date.
//
// The central idea: everything here is a pure function from data to bytes. Nothing is sent anywhere: workflows hold the
// credentials, post the payloads, and meshplan itself needs neither a token nor the network. Text from configurations
// and clusters is treated as hostile, because a pull request from a stranger can choose it.
//
//	diagnostics ─┐
//	drift ───────┼─ []Finding ─► SARIF, JUnit, annotations
//	plan ────────┴─ counts, Markdown ─► outputs, step summary, comment payload, GitLab's report
package ci
