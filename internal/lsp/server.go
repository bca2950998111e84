package lsp

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"runtime/debug"
	"sync/atomic"

	"github.com/creachadair/jrpc2"
	"github.com/creachadair/jrpc2/channel"
	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/hcl/v2"

	"github.com/meshplan/meshplan/internal/config"
	"github.com/meshplan/meshplan/internal/docs"
	"github.com/meshplan/meshplan/internal/schema"
)

// Options say what the server knows. Check and Catalog must be there.
type Options struct {
	// Catalog returns what the providers declare. It is called once, when it is needed.
	Catalog func() []docs.Provider
	// Backends are what backend blocks may hold, by their labels.
	Backends map[string]*schema.Block
	// Check does what `meshplan validate` does with a configuration that was loaded without errors.
	Check func(context.Context, *config.Config) hcl.Diagnostics
	// Version of the program, for required_version and for the editor's log.
	Version string
	// Logger gets what went wrong in the server itself. Nil means that nobody wants to know.
	Logger hclog.Logger
}

// Error codes of the protocol.
const (
	codeNotInitialized jrpc2.Code = -32002
	codeCancelled      jrpc2.Code = -32800
)

// Serve speaks the protocol until the editor says exit or closes the input, and reports whether it said goodbye
// (`shutdown`) before. Nothing else may write to out meanwhile.
func Serve(ctx context.Context, in io.Reader, out io.Writer, o Options) (orderly bool, err error) {
	if o.Logger == nil {
		o.Logger = hclog.NewNullLogger()
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s := &server{log: o.Logger, workspace: newWorkspace(o)}
	s.rpc = jrpc2.NewServer(s, &jrpc2.ServerOptions{AllowPush: true, DisableBuiltin: true, NewContext: func() context.Context { return ctx }})
	// An input cannot be told to stop waiting. After exit its reader is left behind, until it ends or the process does.
	read, write := io.Pipe()
	go func() {
		_, err := io.Copy(write, in)
		write.CloseWithError(err)
	}()
	s.rpc.Start(channel.LSP(read, line{out, read}))
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.publishing(ctx)
	}()
	stop := context.AfterFunc(ctx, s.rpc.Stop)
	defer stop()
	status := s.rpc.WaitStatus()
	cancel()
	<-done
	if !status.Closed && !s.exited.Load() {
		err = status.Err
	}
	return s.shutdown.Load(), err
}

// line is what answers are written to. Closing it ends the reading; the output itself belongs to the caller.
type line struct {
	io.Writer
	read io.Closer
}

func (l line) Close() error { return l.read.Close() }

// server is one conversation.
type server struct {
	rpc       *jrpc2.Server
	log       hclog.Logger
	workspace *workspace

	initialized, shutdown, exited atomic.Bool
	snippets, watches             atomic.Bool // what the editor can do
}

// Assign finds the handler of a method. Notifications are handled one at a time, in order, and before any later request.
func (s *server) Assign(_ context.Context, method string) jrpc2.Handler {
	switch method {
	case "initialize":
		return on(s, s.initialize)
	case "initialized":
		return on(s, s.ready)
	case "shutdown":
		return on(s, func(context.Context, struct{}) (any, error) { s.shutdown.Store(true); return nil, nil })
	case "exit":
		return on(s, func(context.Context, struct{}) (any, error) { s.exited.Store(true); go s.rpc.Stop(); return nil, nil })
	case "$/cancelRequest":
		return on(s, func(_ context.Context, p cancelParams) (any, error) {
			s.rpc.CancelRequest(string(p.ID))
			return nil, nil
		})
	case "$/setTrace", "$/progress", "workspace/didChangeConfiguration":
		return on(s, func(context.Context, json.RawMessage) (any, error) { return nil, nil })
	case "textDocument/didOpen":
		return on(s, s.didOpen)
	case "textDocument/didChange":
		return on(s, s.didChange)
	case "textDocument/didSave":
		return on(s, s.didSave)
	case "textDocument/didClose":
		return on(s, s.didClose)
	case "workspace/didChangeWatchedFiles":
		return on(s, s.didChangeWatchedFiles)
	case "textDocument/hover":
		return on(s, s.hover)
	case "textDocument/completion":
		return on(s, s.completion)
	case "textDocument/definition":
		return on(s, s.definition)
	case "textDocument/references":
		return on(s, s.references)
	case "textDocument/documentSymbol":
		return on(s, s.symbols)
	case "textDocument/formatting":
		return on(s, s.formatting)
	}
	return nil
}

// on makes a handler of a function. A panic ends the request, not the server: texts that are being typed are stranger
// than any test.
func on[P any](s *server, f func(context.Context, P) (any, error)) jrpc2.Handler {
	return func(ctx context.Context, req *jrpc2.Request) (result any, err error) {
		defer func() {
			if r := recover(); r != nil {
				s.log.Error("request failed", "method", req.Method(), "panic", fmt.Sprint(r), "stack", string(debug.Stack()))
				result, err = nil, jrpc2.Errorf(jrpc2.InternalError, "meshplan could not answer %s: %v", req.Method(), r)
			}
		}()
		switch m := req.Method(); {
		case m == "initialize" || m == "exit":
		case !s.initialized.Load():
			return nil, jrpc2.Errorf(codeNotInitialized, "the server is not initialized")
		case s.shutdown.Load() && !req.IsNotification():
			return nil, jrpc2.Errorf(jrpc2.InvalidRequest, "the server is shutting down")
		}
		var p P
		if req.HasParams() {
			if err := req.UnmarshalParams(&p); err != nil {
				return nil, err
			}
		}
		if result, err = f(ctx, p); ctx.Err() != nil {
			return nil, jrpc2.Errorf(codeCancelled, "the request was cancelled")
		}
		return result, err
	}
}

func (s *server) initialize(_ context.Context, p initializeParams) (any, error) {
	if s.initialized.Swap(true) {
		return nil, jrpc2.Errorf(jrpc2.InvalidRequest, "the server is initialized already")
	}
	s.snippets.Store(p.Capabilities.TextDocument.Completion.CompletionItem.SnippetSupport)
	s.watches.Store(p.Capabilities.Workspace.DidChangeWatchedFiles.DynamicRegistration)
	return initializeResult{
		ServerInfo: serverInfo{Name: "meshplan", Version: s.workspace.options.Version},
		Capabilities: capabilities{
			PositionEncoding:   "utf-16",
			TextDocumentSync:   syncOptions{OpenClose: true, Change: syncIncremental, Save: true},
			CompletionProvider: completionOptions{TriggerCharacters: []string{".", "\"", "="}},
			Hover:              true, Definition: true, References: true, DocumentSymbol: true, Formatting: true,
		},
	}, nil
}

// ready asks the editor to tell of files that change without it.
func (s *server) ready(ctx context.Context, _ struct{}) (any, error) {
	if s.watches.Load() {
		go func() { // the answer comes over the same line
			_, err := s.rpc.Callback(context.WithoutCancel(ctx), "client/registerCapability", registrationParams{[]registration{{ID: "files", Method: "workspace/didChangeWatchedFiles",
				Options: watchOptions{[]watcher{{GlobPattern: "**/*.{hcl,json,yaml,yml}"}}}}}})
			if err != nil {
				s.log.Debug("files are not watched", "error", err)
			}
		}()
	}
	return nil, nil
}
