// Package lsp is the language server that editors start as `meshplan lsp`: findings while typing, explanations,
// completion, definitions, references, symbols and formatting, in JSON-RPC over standard input and output.
//
// The central idea: it knows nothing by itself. Findings are those of `meshplan validate` on the directory with the unsaved
// texts laid over its files; everything else comes from the schemas that make the documentation. It opens no state,
// asks no cluster and runs nothing, so that opening a stranger's directory is safe.
//
// Texts that are being typed are broken most of the time. What depends on the whole text (definitions, symbols) works on
// what the parser could make of it; completion works on the words before the cursor alone.
package lsp
