package config

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty/function"
)

// Config is the content of one directory and of the modules that it calls. It is not changed after Load, so it is safe for concurrent use.
type Config struct {
	// Dir is the directory as the caller named it.
	Dir string
	// Files are the parsed files of all modules by the name that ranges carry: Dir joined with the module's directory and
	// the file's name. They serve source snippets, so variable files, which may hold secrets, are not among them.
	Files map[string]*hcl.File
	// Hash is the SHA-256, in hex, of the names and contents of the configuration files of all modules. Variable files and what
	// functions read are not part of it.
	Hash     string
	Root     *Module
	Settings Settings
}

// Options change how a directory is loaded. The zero value is the default.
type Options struct {
	// Version is the running version, to which required_version is compared. Empty skips the comparison.
	Version string
	// Overlay holds the texts of files that are not saved yet, by the name that ranges carry: they stand for the files on
	// disk, or for files that are not there. Only configuration files can be laid over.
	Overlay map[string][]byte
	// Functions are what the validation rules of variables may call. Nil means lang.Functions confined to the directory.
	Functions map[string]function.Function
}

// OnFailure is what a failed step leads to. The zero value means that the configuration does not say.
type OnFailure string

// What can follow a failed step.
const (
	OnFailureStop     OnFailure = "stop"
	OnFailureRollback OnFailure = "rollback"
)

// Settings are the contents of the `meshplan` blocks.
type Settings struct {
	// RequiredVersion is the constraint as written; Load has checked it. Empty means none.
	RequiredVersion string
	RequiredRange   hcl.Range
	// Backend is the label of the backend block; empty means that there is none.
	Backend string
	// BackendBody is the content of the backend block, nil when there is none. It must be decoded without a context:
	// variables do not exist yet when the state is opened.
	BackendBody  hcl.Body
	BackendRange hcl.Range
	OnFailure    OnFailure
}
