// Package backend opens the store that a configuration names: a file on this machine, or objects in a cluster.
//
// The central idea: the block is declared by a schema like that of any resource, so that its attributes are written
// down once, for reading, for messages and for the documentation. It is evaluated without variables, because the state
// must be found before anything else is.
//
//	meshplan {
//	  backend "kubernetes" {
//	    namespace = "meshplan"
//	    encryption { passphrase_env = "MESHPLAN_PASSPHRASE" }
//	    retention { runs = 50 }
//	  }
//	}
package backend

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/config"
	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/state"
	"github.com/meshplan/meshplan/state/agekeys"
	"github.com/meshplan/meshplan/state/boltstore"
	"github.com/meshplan/meshplan/state/kubestore"
	"github.com/meshplan/meshplan/state/ledger"
)

// KubeconfigVariable is the environment variable that names the kubeconfig of a state in a cluster, where that is not the
// one of the objects. The block cannot name one: a kubeconfig may run commands, and the block may come from a stranger.
const KubeconfigVariable = "MESHPLAN_STATE_KUBECONFIG"

// CodeBackend: the backend block does not say where the state is.
const CodeBackend diag.Code = "state.backend"

// Options are what the block does not say. The zero value reads the environment of the process.
type Options struct {
	// Dir is the directory of the configuration; relative paths begin there.
	Dir string
	// Path is the state file that --state names; it takes the place of the backend's own place, but encryption and
	// retention of the block still hold.
	Path string
	// Confined refuses paths of the block that lead out of Dir, by links as well: the block may come from a stranger.
	Confined bool
	// Kubeconfig is that of a state in a cluster, unless the environment names another (KubeconfigVariable).
	Kubeconfig string
	// Keys take the place of those that the block names.
	Keys      state.Keys
	Getenv    func(string) string
	UserAgent string
	Now       func() time.Time
	// Waiting is told, for people, that the cluster of a state does not answer yet; nil means that nobody listens.
	Waiting func(text string)
	// Reached is told the boundaries at which a process may die without harm; nil means that nobody listens.
	Reached ledger.Reached
}

// Backend is a store with what people call it.
type Backend struct {
	state.Store
	Kind string // "local" or "kubernetes"
	// Place is the path of the file, or namespace and name of the objects.
	Place string
	// Keys seal the state; nil when it is not sealed.
	Keys state.Keys
	// Context and InCluster say, for a state in a cluster, through which credentials it is kept.
	Context   string
	InCluster bool
}

// Local is the state file of a directory without a backend block.
func Local(dir string) string { return filepath.Join(dir, ".meshplan", "state.db") }

// Open opens the store that the settings name. It touches nothing yet: neither file nor cluster.
func Open(s *config.Settings, o Options) (*Backend, hcl.Diagnostics) {
	if o.Getenv == nil {
		o.Getenv = os.Getenv
	}
	kind := s.Backend
	if kind == "" {
		kind = "local"
	}
	v := cty.NilVal
	if s.BackendBody != nil {
		var ds hcl.Diagnostics
		if v, ds = Schemas()[kind].Decode(s.BackendBody, nil); ds.HasErrors() {
			return nil, ds
		}
	}
	at := &s.BackendRange
	if s.BackendBody == nil {
		at = nil
	}
	fail := func(err error) (*Backend, hcl.Diagnostics) {
		return nil, hcl.Diagnostics{diag.Error(CodeBackend, "Unsuitable backend", fmt.Sprintf("The backend block cannot be used: %s.", err), at)}
	}
	b := &Backend{Kind: kind}
	keep, err := retention(v)
	if err != nil {
		return fail(err)
	}
	if b.Keys, err = keysOf(v, o); err != nil {
		return fail(err)
	}
	if kind == "kubernetes" && o.Path == "" {
		duration, err := durationOf(v, "lease_duration")
		if err != nil {
			return fail(err)
		}
		kubeconfig := o.Getenv(KubeconfigVariable)
		if kubeconfig == "" {
			kubeconfig = o.Kubeconfig
		}
		store, err := kubestore.Open(kubestore.Options{Namespace: text(v, "namespace"), Name: text(v, "name"), Kubeconfig: kubeconfig, Context: text(v, "context"),
			InCluster: truth(v, "in_cluster"), LeaseDuration: duration, Keep: keep, Keys: b.Keys, UserAgent: o.UserAgent, Now: o.Now, Waiting: o.Waiting, Reached: o.Reached})
		if err != nil {
			return fail(err)
		}
		b.Store, b.Place, b.Context, b.InCluster = store, store.String(), text(v, "context"), truth(v, "in_cluster")
		return b, nil
	}
	path := o.Path
	if path == "" {
		inside := filepath.Join(".meshplan", "state.db")
		if p := text(v, "path"); p != "" && kind == "local" {
			inside = p
		}
		if err := o.confine("path", inside); err != nil {
			return fail(err)
		}
		path = from(o.Dir, inside)
	}
	store, err := boltstore.Open(path, boltstore.Options{Keep: keep, Keys: b.Keys, Now: o.Now, Reached: o.Reached})
	if err != nil {
		return fail(err)
	}
	b.Kind, b.Store, b.Place = "local", store, path
	return b, nil
}

// from resolves a path of the configuration.
func from(dir, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}

// confine refuses a path of the block that leads out of the directory, where only paths within are allowed. What is not
// there leads nowhere.
func (o *Options) confine(name, file string) error {
	if !o.Confined {
		return nil
	}
	root, err := os.OpenRoot(cmp.Or(o.Dir, "."))
	if err != nil {
		return err
	}
	defer root.Close()
	if _, err := root.Stat(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("offline, %s must be a path within the directory of the configuration: %w", name, err)
	}
	return nil
}

// keysOf returns the keys of the block encryption, or nil.
func keysOf(v cty.Value, o Options) (state.Keys, error) {
	e := block(v, "encryption")
	if o.Keys != nil || e == cty.NilVal {
		return o.Keys, nil
	}
	a := agekeys.Options{PassphraseFile: text(e, "passphrase_file"), PassphraseEnv: text(e, "passphrase_env"), IdentityFile: text(e, "age_identity_file"), Getenv: o.Getenv}
	for name, file := range map[string]*string{"passphrase_file": &a.PassphraseFile, "age_identity_file": &a.IdentityFile} {
		if *file == "" {
			continue
		}
		if err := o.confine(name, *file); err != nil {
			return nil, err
		}
		*file = from(o.Dir, *file)
	}
	if r := e.GetAttr("age_recipients"); !r.IsNull() {
		for _, s := range r.AsValueSlice() {
			a.Recipients = append(a.Recipients, s.AsString())
		}
	}
	return agekeys.New(a)
}

func retention(v cty.Value) (keep ledger.Retention, err error) {
	r := block(v, "retention")
	if r == cty.NilVal {
		return keep, nil
	}
	keep.Runs, keep.History = whole(r, "runs"), whole(r, "history")
	keep.Age, err = durationOf(r, "age")
	return keep, err
}

// Schemas returns the schema of each kind of backend.
func Schemas() map[string]*schema.Block {
	str := func(description string) *schema.Attribute {
		return &schema.Attribute{Type: cty.String, Optional: true, Description: description}
	}
	nested := func() map[string]*schema.NestedBlock {
		return map[string]*schema.NestedBlock{
			"encryption": {Nesting: schema.Single, Description: "Seals the state: every value is encrypted where it is kept. The first write after the block was added seals what is there; " +
				"\"meshplan state rekey\" changes the keys, or removes the seal when the block has been removed.", Block: schema.Block{Attributes: map[string]*schema.Attribute{
				"passphrase_file":   str("File that holds the passphrase."),
				"passphrase_env":    str("Environment variable that holds the passphrase."),
				"age_recipients":    {Type: cty.List(cty.String), Optional: true, Description: "Public age keys (age1…) of everybody who may open the state."},
				"age_identity_file": str("File with the private age key that belongs to one of the recipients."),
			}}},
			"retention": {Nesting: schema.Single, Description: "How long former runs are kept. The last ten can always be rolled back, and so can a run with a step whose outcome is unknown.", Block: schema.Block{Attributes: map[string]*schema.Attribute{
				"runs":    {Type: cty.Number, Optional: true, Description: "How many runs keep their steps, so that they can be rolled back (default 100).", Validate: positive},
				"age":     str("How long runs keep their steps, as in \"2160h\" (default: whatever their age)."),
				"history": {Type: cty.Number, Optional: true, Description: "How many runs \"meshplan history\" lists (default 1000).", Validate: positive},
			}}},
		}
	}
	return map[string]*schema.Block{
		"local": {Attributes: map[string]*schema.Attribute{
			"path": str("Path of the state file, relative to the configuration (default .meshplan/state.db)."),
		}, Blocks: nested()},
		"kubernetes": {Attributes: map[string]*schema.Attribute{
			"namespace":      {Type: cty.String, Required: true, Description: "Namespace of the Secrets and the Lease. It must exist."},
			"name":           str("Tells the states of a namespace apart (default \"default\")."),
			"context":        str("Context of the kubeconfig (default: its current one). The flag --context does not change it. The kubeconfig is that of MESHPLAN_STATE_KUBECONFIG, --kubeconfig, KUBECONFIG or ~/.kube/config, or the pod's service account."),
			"in_cluster":     {Type: cty.Bool, Optional: true, Description: "Use the pod's service account and no kubeconfig."},
			"lease_duration": str("After how long without a sign of life others may take the lock over (default \"60s\")."),
		}, Blocks: nested()},
	}
}

func positive(v cty.Value) error {
	if f := v.AsBigFloat(); !f.IsInt() || f.Sign() <= 0 {
		return fmt.Errorf("it must be a whole number above zero")
	}
	return nil
}

func attribute(v cty.Value, name string) (cty.Value, bool) {
	if v == cty.NilVal || v.IsNull() || !v.Type().HasAttribute(name) {
		return cty.NilVal, false
	}
	a := v.GetAttr(name)
	return a, !a.IsNull()
}

func text(v cty.Value, name string) string {
	if a, ok := attribute(v, name); ok {
		return a.AsString()
	}
	return ""
}

func truth(v cty.Value, name string) bool {
	a, ok := attribute(v, name)
	return ok && a.True()
}

func whole(v cty.Value, name string) int {
	if a, ok := attribute(v, name); ok {
		n, _ := a.AsBigFloat().Int64()
		return int(n)
	}
	return 0
}

func durationOf(v cty.Value, name string) (time.Duration, error) {
	s := text(v, name)
	if s == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(s)
	if err != nil || d <= 0 {
		return 0, fmt.Errorf("the value %q of %s is no duration above zero, such as \"60s\" or \"2160h\"", s, name)
	}
	return d, nil
}

func block(v cty.Value, name string) cty.Value {
	if b, ok := attribute(v, name); ok {
		return b
	}
	return cty.NilVal
}
