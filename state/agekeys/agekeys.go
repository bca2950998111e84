// Package agekeys guards the data key of a sealed state with age: a passphrase, or recipients and an identity, as the
// command age uses them.
//
// The central idea: age encrypts one short key, once. Everything else is encrypted with that key (package ledger), so
// the cost of a passphrase, about a second, is paid once in the life of a process and not for each value; and new
// recipients need nothing but that key encrypted for them.
//
// Passphrases and identities are read when they are needed first, and never stored.
package agekeys

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"filippo.io/age"

	"github.com/meshplan/meshplan/state"
)

// Options say where passphrase or keys are. Either one of the first two is set, or the last two.
type Options struct {
	// PassphraseFile holds the passphrase; a line break at its end does not belong to it.
	PassphraseFile string
	// PassphraseEnv names the environment variable that holds it.
	PassphraseEnv string
	// Recipients are public keys, as in "age1…": whoever has one of their identities can open the state.
	Recipients []string
	// IdentityFile holds private keys, as age-keygen writes it.
	IdentityFile string
	// Getenv reads the environment; nil means os.Getenv.
	Getenv func(string) string
}

// Keys implements state.Keys. It is safe for concurrent use.
type Keys struct {
	o Options

	mu     sync.Mutex // guards opened
	opened map[string][]byte
}

var _ state.Keys = (*Keys)(nil)

// New checks the options. It reads nothing yet.
func New(o Options) (*Keys, error) {
	byPassphrase := o.PassphraseFile != "" || o.PassphraseEnv != ""
	switch {
	case o.PassphraseFile != "" && o.PassphraseEnv != "":
		return nil, errors.New("a passphrase comes from a file or from the environment, not from both")
	case byPassphrase && (len(o.Recipients) > 0 || o.IdentityFile != ""):
		return nil, errors.New("a state is sealed with a passphrase or with age keys, not with both")
	case !byPassphrase && (len(o.Recipients) == 0 || o.IdentityFile == ""):
		return nil, errors.New("a passphrase is needed, or age recipients and an identity file")
	}
	for _, r := range o.Recipients {
		if _, err := parseRecipient(r); err != nil {
			return nil, err
		}
	}
	if o.Getenv == nil {
		o.Getenv = os.Getenv
	}
	return &Keys{o: o, opened: map[string][]byte{}}, nil
}

// OpenOnly returns keys that unwrap with an identity and wrap nothing.
func OpenOnly(o Options) (*Keys, error) {
	if o.IdentityFile == "" || o.PassphraseFile != "" || o.PassphraseEnv != "" || len(o.Recipients) > 0 {
		return nil, errors.New("exactly one of passphrase file, passphrase variable and identity file is needed")
	}
	return &Keys{o: o, opened: map[string][]byte{}}, nil
}

func parseRecipient(s string) (age.Recipient, error) {
	r, err := age.ParseRecipients(strings.NewReader(s))
	if err != nil || len(r) != 1 {
		if strings.HasPrefix(strings.ToUpper(s), "AGE-SECRET-KEY-") {
			return nil, errors.New("a recipient is a public key, and this is a private one: take the one that begins with \"age1\"")
		}
		return nil, fmt.Errorf("%q is no age recipient: it begins with \"age1\"", s)
	}
	return r[0], nil
}

// workFactor is how hard a passphrase is to try (2 to that power). It is less than age's own 18: every command that looks
// at the state pays for it.
const workFactor = 16

// Wrap implements state.Keys.
func (k *Keys) Wrap(key []byte) ([]byte, error) {
	recipients, err := k.recipients()
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	w, err := age.Encrypt(&out, recipients...)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(key); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	// A state that its own writer cannot open is lost: find out now.
	if got, err := k.Unwrap(out.Bytes()); err != nil {
		return nil, fmt.Errorf("the identities do not belong to the recipients: %w", err)
	} else if !bytes.Equal(got, key) {
		return nil, errors.New("what was encrypted is not what was decrypted")
	}
	return out.Bytes(), nil
}

// Unwrap implements state.Keys.
func (k *Keys) Unwrap(wrapped []byte) ([]byte, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if key := k.opened[string(wrapped)]; key != nil {
		return key, nil
	}
	identities, err := k.identities()
	if err != nil {
		return nil, err
	}
	r, err := age.Decrypt(bytes.NewReader(wrapped), identities...)
	if err != nil {
		var none *age.NoIdentityMatchError
		if errors.As(err, &none) {
			return nil, fmt.Errorf("%s does not open the state: it was sealed with another one", k.what())
		}
		return nil, fmt.Errorf("%s does not open the state: %w", k.what(), err)
	}
	key, err := io.ReadAll(r)
	if err == nil {
		k.opened[string(wrapped)] = key
	}
	return key, err
}

func (k *Keys) what() string {
	switch {
	case k.o.PassphraseFile != "":
		return "the passphrase in " + k.o.PassphraseFile
	case k.o.PassphraseEnv != "":
		return "the passphrase in the environment variable " + k.o.PassphraseEnv
	}
	return "the identity in " + k.o.IdentityFile
}

func (k *Keys) passphrase() (string, error) {
	if k.o.PassphraseEnv != "" {
		if p := k.o.Getenv(k.o.PassphraseEnv); p != "" {
			return p, nil
		}
		return "", fmt.Errorf("the environment variable %s, which holds the passphrase of the state, is empty", k.o.PassphraseEnv)
	}
	b, err := os.ReadFile(k.o.PassphraseFile)
	if err != nil {
		return "", fmt.Errorf("reading the passphrase of the state: %w", err)
	}
	p := strings.TrimRight(string(b), "\r\n")
	if p == "" {
		return "", fmt.Errorf("the file %s, which holds the passphrase of the state, is empty", k.o.PassphraseFile)
	}
	return p, nil
}

func (k *Keys) recipients() (out []age.Recipient, err error) {
	if len(k.o.Recipients) == 0 {
		p, err := k.passphrase()
		if err != nil {
			return nil, err
		}
		r, err := age.NewScryptRecipient(p)
		if err != nil {
			return nil, err
		}
		r.SetWorkFactor(workFactor)
		return []age.Recipient{r}, nil
	}
	for _, s := range k.o.Recipients {
		r, err := parseRecipient(s)
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, nil
}

func (k *Keys) identities() ([]age.Identity, error) {
	if k.o.IdentityFile == "" {
		p, err := k.passphrase()
		if err != nil {
			return nil, err
		}
		i, err := age.NewScryptIdentity(p)
		return []age.Identity{i}, err
	}
	f, err := os.Open(k.o.IdentityFile)
	if err != nil {
		return nil, fmt.Errorf("reading the identity of the state: %w", err)
	}
	defer f.Close()
	out, err := age.ParseIdentities(f)
	if err != nil {
		return nil, fmt.Errorf("the file %s holds no age identity", k.o.IdentityFile)
	}
	return out, nil
}
