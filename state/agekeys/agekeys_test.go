package agekeys

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"
)

var dataKey = []byte("0123456789abcdef0123456789abcdef")

func keys(t *testing.T, o Options) *Keys {
	t.Helper()
	k, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestPassphrase(t *testing.T) {
	file := filepath.Join(t.TempDir(), "passphrase")
	if err := os.WriteFile(file, []byte("correct horse\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	wrapped, err := keys(t, Options{PassphraseFile: file}).Wrap(dataKey)
	if err != nil || bytes.Contains(wrapped, dataKey) {
		t.Fatalf("Wrap = %q, %v", wrapped, err)
	}
	env := map[string]string{"GOOD": "correct horse", "BAD": "hunter2"}
	getenv := func(name string) string { return env[name] }
	if got, err := keys(t, Options{PassphraseEnv: "GOOD", Getenv: getenv}).Unwrap(wrapped); err != nil || !bytes.Equal(got, dataKey) {
		t.Errorf("Unwrap = %q, %v", got, err)
	}
	for name, want := range map[string]string{"BAD": "environment variable BAD", "NONE": "is empty"} {
		if _, err := keys(t, Options{PassphraseEnv: name, Getenv: getenv}).Unwrap(wrapped); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("Unwrap with %s = %v", name, err)
		}
	}
}

func TestRecipients(t *testing.T) {
	dir := t.TempDir()
	var files, recipients []string
	for _, name := range []string{"a", "b", "c"} {
		i, err := age.GenerateX25519Identity()
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte("# created by a test\n"+i.String()+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		files, recipients = append(files, file), append(recipients, i.Recipient().String())
	}
	wrapped, err := keys(t, Options{Recipients: recipients[:2], IdentityFile: files[0]}).Wrap(dataKey)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := keys(t, Options{Recipients: recipients[:1], IdentityFile: files[1]}).Unwrap(wrapped); err != nil || !bytes.Equal(got, dataKey) {
		t.Errorf("Unwrap by the second recipient = %q, %v", got, err)
	}
	if _, err := keys(t, Options{Recipients: recipients, IdentityFile: files[2]}).Unwrap(wrapped); err == nil || !strings.Contains(err.Error(), "another one") {
		t.Errorf("Unwrap by a stranger = %v", err)
	}
	if _, err := keys(t, Options{Recipients: recipients[:2], IdentityFile: files[2]}).Wrap(dataKey); err == nil {
		t.Error("a state was sealed that its writer cannot open")
	}
}

func TestOptions(t *testing.T) {
	for name, o := range map[string]Options{
		"nothing":             {},
		"two passphrases":     {PassphraseEnv: "A", PassphraseFile: "b"},
		"both kinds":          {PassphraseEnv: "A", Recipients: []string{"age1x"}},
		"no identity":         {Recipients: []string{"age1x"}},
		"no recipient":        {IdentityFile: "f"},
		"not a recipient":     {Recipients: []string{"x"}, IdentityFile: "f"},
		"a key, not the name": {Recipients: []string{"AGE-SECRET-KEY-1"}, IdentityFile: "f"},
	} {
		if _, err := New(o); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
