// Package bench measures meshplan against the budgets that it promises to keep: `make bench`.
//
// The central idea: what is compared is measured side by side in one run, as the median of several rounds, so that a
// slow machine makes both sides slow. Ratios (first apply against a bare client, growth when N doubles) decide;
// absolute times are printed beside their budgets.
package bench
