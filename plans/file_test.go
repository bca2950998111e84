package plans

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"
	"github.com/vmihailenco/msgpack/v5"
	"github.com/zclconf/go-cty/cty"
	"pgregory.net/rapid"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/internal/schema"
)

const secret = "correct-horse-battery-staple"

func instance(n int) addr.Instance {
	return addr.Resource{Mode: addr.Managed, Type: "kubernetes_manifest", Name: "cm"}.Instance(addr.IntKey(n))
}

func object(name, password string) cty.Value {
	return cty.ObjectVal(map[string]cty.Value{
		"name":     cty.StringVal(name),
		"password": cty.StringVal(password).Mark(schema.Sensitive),
		"id":       cty.UnknownVal(cty.String).RefineNotNull(),
		"labels":   cty.MapVal(map[string]cty.Value{"b": cty.StringVal("2"), "a": cty.StringVal("1")}),
		"ports":    cty.SetVal([]cty.Value{cty.NumberIntVal(443), cty.NumberIntVal(80)}),
		"big":      cty.MustParseNumberVal("12345678901234567890123.0000000001"),
		"any":      cty.DynamicVal,
	})
}

// example returns a plan that uses every field.
func example() *Plan {
	at := time.Date(2026, 3, 1, 12, 0, 0, 5, time.UTC)
	where := hcl.Range{Filename: "main.mesh.hcl", Start: hcl.Pos{Line: 3, Column: 1, Byte: 20}, End: hcl.Pos{Line: 3, Column: 9, Byte: 28}}
	odd := addr.Resource{Module: `module.east["a"]`, Mode: addr.Data, Type: "linkerd_check", Name: "pre"}.Instance(addr.StringKey("a\u2000\n\"b"))
	return &Plan{
		Base: Base{Lineage: "lineage", Serial: 7, Key: []byte("fingerprint key"), Config: "c0ffee", Dir: "deploy",
			Clusters: map[string]string{"kubernetes": "uid-1", "kubernetes.east": "uid-2"},
			Variables: []Variable{
				{Name: "plain", Value: cty.StringVal("p")},
				{Name: "sensitive", Value: cty.StringVal(secret).Mark(schema.Sensitive)},
				{Name: "ephemeral", Value: cty.StringVal("token-" + secret).Mark(schema.Ephemeral)},
			}},
		Mode: Rollback, Created: at, Offline: true,
		Warnings: []Warning{{Code: "a.b", Address: odd.String(), Summary: "s", Detail: "d", Range: where}, {Code: "a.c", Summary: "t"}},
		Changes: []*Change{
			{Addr: odd, Action: Read, Reason: BecauseDeferred, Provider: "linkerd", Before: cty.NilVal, After: cty.UnknownVal(cty.EmptyObject), Range: where},
			{Addr: instance(1), Action: Replace, Reason: BecauseAttribute, Provider: "kubernetes.east", Before: object("a", "old-"+secret), After: object("b", secret),
				Replace:     []cty.Path{cty.GetAttrPath("labels").IndexString("a"), cty.GetAttrPath("list").IndexInt(2).GetAttr("x"), {}},
				CreateFirst: true, CreateBeforeDestroy: true, Deposed: "2f", Revives: "1", PreviousAddr: odd, Import: "id", DependsOn: []addr.Instance{odd}, Protected: true, Reverse: Reverse{Irreversible, "one way"},
				Notes: []string{"restarts <pods> & more"}, Restarts: 3, Private: []byte("private"), PriorPrivate: []byte("prior"), Adopted: true, Revision: 6},
			{Addr: instance(2), Action: Delete, Reason: BecauseRollback, Provider: "kubernetes", Before: cty.NullVal(cty.EmptyObject), After: cty.NullVal(cty.DynamicPseudoType), DependsOn: []addr.Instance{instance(1), odd}},
		},
		Drift:   []*Change{{Addr: instance(2), Action: Update, Reason: BecauseDrifted, Provider: "kubernetes", Before: object("a", "a"), After: object("a", "b")}},
		Steps:   []Step{{Change: 1, Op: OpCreate}, {Change: 2, Op: OpDelete, Deps: []int{0}}, {Change: 0, Op: OpRead, Deps: []int{0, 1}}},
		Outputs: []OutputChange{{Name: "url", Before: cty.NilVal, After: cty.StringVal(secret).Mark(schema.Sensitive), Sensitive: true, Description: "where"}},
		Findings: []Finding{
			{Class: "a.b", Severity: SeverityCritical, Provider: "linkerd", Object: "Pod a/b", Owner: instance(3), Summary: "s", Detail: "d", Fix: "f"},
			{Class: "a.c", Severity: SeverityNote, Provider: "linkerd", Summary: "s", Detail: "d"},
		},
		Gauges:  []Gauge{{Name: "g_seconds", Labels: map[string]string{"role": "anchor"}, Value: 1.5, Help: "h"}, {Name: "n", Value: 0}},
		Targets: []string{"kubernetes_manifest.cm[1]"}, Unfinished: 4, UnfinishedNote: "Run 4 was interrupted.",
		Reverts: &Reverts{Runs: []uint64{5, 4}, To: 3, Lost: []Lost{{Addr: instance(9), Run: 4, Reason: "gone"}}},
	}
}

func encoded(t testing.TB, p *Plan) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Encode(&b, p); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func decoded(t testing.TB, b []byte) *Plan {
	t.Helper()
	p, err := Decode(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func hash(t testing.TB, p *Plan) string {
	t.Helper()
	h, err := p.Hash()
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// options compare plans by what they export.
func options() cmp.Options {
	return cmp.Options{
		cmp.Comparer(func(a, b addr.Instance) bool { return a == b }),
		cmp.Comparer(func(a, b cty.Value) bool {
			return a == cty.NilVal && b == cty.NilVal || a != cty.NilVal && b != cty.NilVal && a.RawEquals(b)
		}),
		cmp.Comparer(func(a, b cty.PathStep) bool { return cty.Path{a}.Equals(cty.Path{b}) }),
		cmp.FilterPath(func(p cmp.Path) bool {
			f, ok := p.Last().(cmp.StructField)
			return ok && (f.Name() == "before" || f.Name() == "after" || f.Name() == "stored" || f.Name() == "changed" || f.Name() == "hash")
		}, cmp.Ignore()),
	}
}

func withoutPassword(name string) cty.Value {
	m := object(name, "").AsValueMap()
	m["password"] = cty.NullVal(cty.String)
	return cty.ObjectVal(m)
}

func TestRoundTrip(t *testing.T) {
	p := example()
	b := encoded(t, p)
	if again := encoded(t, example()); !bytes.Equal(b, again) {
		t.Error("equal plans have different files")
	}
	got := decoded(t, b)
	// What must have become of the secrets.
	password := []cty.Path{cty.GetAttrPath("password")}
	p.Base.Variables[1].Value, p.Base.Variables[2].Value = cty.NullVal(cty.String), cty.NullVal(cty.String)
	p.Outputs[0].After = cty.NullVal(cty.String)
	for c, names := range map[*Change][2]string{p.Changes[1]: {"a", "b"}, p.Drift[0]: {"a", "a"}} {
		c.Before, c.After, c.BeforeSecret, c.AfterSecret = withoutPassword(names[0]), withoutPassword(names[1]), password, password
		c.Former = password // both change it
	}
	if d := cmp.Diff(p, got, options()); d != "" {
		t.Errorf("round trip (-want +got):\n%s", d)
	}
	if want := hash(t, example()); hash(t, got) != want || !strings.HasPrefix(string(b), "meshplan-plan 1 "+want+"\n") {
		t.Errorf("hash is %s after reading, %s before; the file starts with %.90q", hash(t, got), want, b)
	}
	if again := encoded(t, got); !bytes.Equal(again, b) {
		t.Error("writing what was read gives another file")
	}
}

func TestEmptyPlan(t *testing.T) {
	got := decoded(t, encoded(t, &Plan{Mode: Normal}))
	if d := cmp.Diff(&Plan{Mode: Normal}, got, options()); d != "" {
		t.Errorf("round trip (-want +got):\n%s", d)
	}
}

// TestHashTellsPlansApart changes one thing at a time.
func TestHashTellsPlansApart(t *testing.T) {
	seen := map[string]string{hash(t, example()): "nothing"}
	for name, change := range map[string]func(*Plan){
		"serial":          func(p *Plan) { p.Base.Serial++ },
		"mode":            func(p *Plan) { p.Mode = Normal },
		"secret before":   func(p *Plan) { p.Changes[1].Before = object("a", "another") },
		"secret after":    func(p *Plan) { p.Changes[1].After = object("b", "another") },
		"secret variable": func(p *Plan) { p.Base.Variables[1].Value = cty.StringVal("another").Mark(schema.Sensitive) },
		"unknown":         func(p *Plan) { p.Changes[0].After = cty.EmptyObjectVal },
		"dependency":      func(p *Plan) { p.Changes[2].DependsOn = p.Changes[2].DependsOn[:1] },
		"step":            func(p *Plan) { p.Steps[2].Deps = []int{1} },
		"created":         func(p *Plan) { p.Created = p.Created.Add(time.Nanosecond) },
		"drift to change": func(p *Plan) { p.Changes, p.Drift = append(p.Changes, p.Drift...), nil },
	} {
		p := example()
		change(p)
		h := hash(t, p)
		if other, ok := seen[h]; ok {
			t.Errorf("changing the %s gives the same hash as changing %s", name, other)
		}
		seen[h] = name
	}
}

func TestNoSecretInFile(t *testing.T) {
	b := encoded(t, example())
	gz, err := gzip.NewReader(bytes.NewReader(b[bytes.IndexByte(b, '\n')+1:]))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(gz)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(plain, []byte("lineage")) {
		t.Fatal("the content is not what is searched")
	}
	p := decoded(t, b)
	for _, v := range p.Base.Variables {
		plain = fmt.Appendf(plain, "%#v", v)
	}
	for _, c := range append(p.Changes, p.Drift...) {
		plain = fmt.Appendf(plain, "%#v", c)
		if c.before != nil {
			plain = fmt.Appendf(plain, "%#v %#v", c.before.Plain, c.after.Plain)
		}
	}
	// Values are MessagePack in base64, at three possible offsets.
	needles := []string{secret, "Y29ycmVjdC1ob3JzZS1iYXR0ZXJ5LXN0YXBsZ", "jb3JyZWN0LWhvcnNlLWJhdHRlcnktc3RhcGxl", "NvcnJlY3QtaG9yc2UtYmF0dGVyeS1zdGFwbG"}
	for _, needle := range needles {
		if bytes.Contains(plain, []byte(needle)) {
			t.Errorf("%q is in the file or in what is read from it", needle)
		}
	}
}

func TestReveal(t *testing.T) {
	read := decoded(t, encoded(t, example()))
	for name, p := range map[string]*Plan{"made": example(), "read": read} {
		c := p.Changes[1]
		if v, missing := c.RevealAfter(object("b", secret)); len(missing) != 0 || !v.GetAttr("password").RawEquals(cty.StringVal(secret).Mark(schema.Sensitive)) {
			t.Errorf("%s: RevealAfter = %#v, missing %v", name, v, missing)
		}
		if v, missing := c.RevealBefore(object("a", "old-"+secret)); len(missing) != 0 || v.GetAttr("password").IsNull() {
			t.Errorf("%s: RevealBefore = %#v, missing %v", name, v, missing)
		}
	}
	if v, missing := read.Changes[1].RevealAfter(object("b", "wrong")); len(missing) != 1 || !v.GetAttr("password").IsNull() {
		t.Errorf("RevealAfter of another secret = %#v, missing %v", v, missing)
	}
	if v, missing := read.Changes[1].RevealAfter(cty.NilVal); len(missing) != 1 || !v.GetAttr("password").IsNull() {
		t.Errorf("RevealAfter without a candidate = %#v, missing %v", v, missing)
	}
	if v, missing := read.Changes[0].RevealBefore(cty.StringVal("x")); v != cty.NilVal || missing != nil {
		t.Errorf("RevealBefore of nothing = %#v, missing %v", v, missing)
	}
}

func TestVariableMatches(t *testing.T) {
	sensitive := func(v cty.Value) cty.Value { return v.Mark(schema.Sensitive) }
	deep := func(password string) cty.Value {
		return cty.ObjectVal(map[string]cty.Value{"user": cty.StringVal("u"), "password": sensitive(cty.StringVal(password))})
	}
	for name, tt := range map[string]struct {
		planned, given cty.Value
		want           bool
	}{
		"equal":                {cty.StringVal("a"), cty.StringVal("a"), true},
		"different":            {cty.StringVal("a"), cty.StringVal("b"), false},
		"null":                 {cty.NullVal(cty.String), cty.NullVal(cty.String), true},
		"null and value":       {cty.NullVal(cty.String), cty.StringVal(""), false},
		"same secret":          {sensitive(cty.StringVal("a")), sensitive(cty.StringVal("a")), true},
		"same secret unmarked": {sensitive(cty.StringVal("a")), cty.StringVal("a"), true},
		"other secret":         {sensitive(cty.StringVal("a")), sensitive(cty.StringVal("b")), false},
		"secret and null":      {sensitive(cty.StringVal("a")), cty.NullVal(cty.String), false},
		"null secret":          {sensitive(cty.NullVal(cty.String)), cty.NullVal(cty.String), true},
		"null secret, value":   {sensitive(cty.NullVal(cty.String)), sensitive(cty.StringVal("b")), false},
		"same deep secret":     {deep("a"), deep("a"), true},
		"other deep secret":    {deep("a"), deep("b"), false},
		"ephemeral":            {cty.StringVal("a").Mark(schema.Ephemeral), cty.StringVal("b"), true},
		"nothing given":        {cty.StringVal("a"), cty.NilVal, false},
	} {
		p := &Plan{Mode: Normal, Base: Base{Key: []byte("k"), Variables: []Variable{{Name: "v", Value: tt.planned}}}}
		if got := p.Base.Variables[0].Matches(tt.given); got != tt.want {
			t.Errorf("%s: Matches = %v before writing, want %v", name, got, tt.want)
		}
		if got := decoded(t, encoded(t, p)).Base.Variables[0].Matches(tt.given); got != tt.want {
			t.Errorf("%s: Matches = %v after reading, want %v", name, got, tt.want)
		}
	}
}

func TestChangedAfterReading(t *testing.T) {
	secret := func(s string) cty.Value { return cty.StringVal(s).Mark(schema.Sensitive) }
	for name, tt := range map[string]struct {
		before, after cty.Value
		want          bool
	}{
		"same":           {secret("a"), secret("a"), false},
		"other":          {secret("a"), secret("b"), true},
		"new":            {cty.NilVal, secret("a"), true},
		"gone":           {secret("a"), cty.NullVal(cty.String), true},
		"plain":          {cty.StringVal("a"), cty.StringVal("a"), false},
		"unknown":        {cty.StringVal("a"), cty.UnknownVal(cty.String), true},
		"both nil":       {cty.NilVal, cty.NilVal, false},
		"nil and a null": {cty.NilVal, cty.NullVal(cty.String), true},
	} {
		p := &Plan{Mode: Normal, Base: Base{Key: []byte("k")}, Outputs: []OutputChange{{Name: "o", Before: tt.before, After: tt.after, Sensitive: true}}}
		if got := p.Outputs[0].Changed(); got != tt.want {
			t.Errorf("%s: Changed = %v before writing, want %v", name, got, tt.want)
		}
		if got := decoded(t, encoded(t, p)).Outputs[0].Changed(); got != tt.want {
			t.Errorf("%s: Changed = %v after reading, want %v", name, got, tt.want)
		}
	}
}

// pack builds a file of any content with the right hash.
func pack(content string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %d %x\n", magic, Format, sha256.Sum256([]byte(content)))
	gz := gzip.NewWriter(&b)
	gz.Write([]byte(content))
	gz.Close()
	return b.Bytes()
}

func TestDamagedFile(t *testing.T) {
	good := encoded(t, example())
	head := `{"base":{"lineage":"","serial":0,"key":null,"config":"","dir":""},"mode":1,"created":"2026-03-01T00:00:00Z","addresses":[{"mode":1,"type":"t","name":"n"}],"changes":%d,"drift":%d,"steps":%d}` + "\n"
	change := `{"addr":0,"action":1,"provider":"p"}` + "\n"
	flipped := bytes.Clone(good)
	flipped[len(flipped)/2] ^= 1
	for name, b := range map[string][]byte{
		"empty":             nil,
		"text":              []byte("hello\n"),
		"no hash":           []byte("meshplan-plan 1\n"),
		"first line only":   good[:bytes.IndexByte(good, '\n')+1],
		"half":              good[:len(good)/2],
		"last byte missing": good[:len(good)-1],
		"a byte too many":   append(bytes.Clone(good), 'x'),
		"another plan":      append(bytes.Clone(good), good...),
		"a bit":             flipped,
		"other hash":        bytes.Replace(good, []byte(hash(t, example())[:8]), []byte("00000000"), 1),
		"format 0":          bytes.Replace(good, []byte("plan 1 "), []byte("plan 0 "), 1),
		"not JSON":          pack("plan"),
		"unknown field":     pack(`{"mode":1,"new":1}`),
		"no mode":           pack(`{"mode":0}`),
		"missing change":    pack(fmt.Sprintf(head, 1, 0, 0)),
		"change too many":   pack(fmt.Sprintf(head, 0, 0, 0) + change),
		"huge count":        pack(fmt.Sprintf(head, 1<<40, 0, 0) + change),
		"address":           pack(fmt.Sprintf(head, 1, 0, 0) + `{"addr":1,"action":1,"provider":"p"}`),
		"dependency":        pack(fmt.Sprintf(head, 1, 0, 0) + `{"addr":0,"action":1,"provider":"p","depends_on":[-1]}`),
		"action":            pack(fmt.Sprintf(head, 1, 0, 0) + `{"addr":0,"action":99,"provider":"p"}`),
		"value":             pack(fmt.Sprintf(head, 1, 0, 0) + `{"addr":0,"action":1,"provider":"p","after":"AAAA"}`),
		"step of no change": pack(fmt.Sprintf(head, 1, 0, 1) + change + `{"change":1,"op":1}`),
		"step after itself": pack(fmt.Sprintf(head, 1, 0, 1) + change + `{"change":0,"op":1,"deps":[0]}`),
		"operation":         pack(fmt.Sprintf(head, 1, 0, 1) + change + `{"change":0,"op":99}`),
		"path":              pack(fmt.Sprintf(head, 1, 0, 0) + `{"addr":0,"action":1,"provider":"p","replace":[[null]]}`),
	} {
		var damaged *DamagedError
		if p, err := Decode(bytes.NewReader(b)); !errors.As(err, &damaged) || p != nil {
			t.Errorf("%s: Decode = %v, %v, want a DamagedError", name, p, err)
		}
	}
	if p, err := Decode(bytes.NewReader(pack(fmt.Sprintf(head, 1, 0, 0) + change))); err != nil || len(p.Changes) != 1 {
		t.Errorf("the table starts from a plan that cannot be read: %v", err)
	}
}

func TestNewerFormat(t *testing.T) {
	var format *FormatError
	if _, err := Decode(strings.NewReader("meshplan-plan 2 x and whatever comes\n")); !errors.As(err, &format) || format.Got != 2 {
		t.Errorf("Decode = %v, want a FormatError", err)
	}
}

func TestReadErrorIsNoDamage(t *testing.T) {
	good := encoded(t, example())
	broken := io.MultiReader(bytes.NewReader(good[:len(good)/2]), &failing{})
	var damaged *DamagedError
	if _, err := Decode(broken); !errors.Is(err, errDisk) || errors.As(err, &damaged) {
		t.Errorf("Decode = %v, want the reader's error", err)
	}
}

var errDisk = errors.New("disk")

type failing struct{}

func (*failing) Read([]byte) (int, error) { return 0, errDisk }

// TestHostileValues holds what would make cty's decoder take all memory or exhaust the stack.
func TestHostileValues(t *testing.T) {
	wire := func(ty, value string) []byte {
		b, err := msgpack.Marshal(map[string]any{"t": []byte(ty), "v": []byte(value)})
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for name, b := range map[string][]byte{
		"huge list":    wire(`["list","string"]`, "\xdd\xff\xff\xff\xff"),
		"huge map":     wire(`["map","string"]`, "\xdf\xff\xff\xff\xff"),
		"huge string":  wire(`"string"`, "\xdb\xff\xff\xff\xff"),
		"deep":         wire(`"dynamic"`, strings.Repeat("\x92", 100_000)),
		"nothing":      wire(`"string"`, ""),
		"mixed list":   wire(`["list","dynamic"]`, "\x92\x92\xc4\x08\"string\"\xa1a\x92\xc4\x06\"bool\"\xc3"),
		"not a sealed": []byte("\x01"),
	} {
		d := &decoder{}
		if v, err := d.value(b); err == nil {
			t.Errorf("%s: value = %#v, want an error", name, v)
		}
	}
}

func TestFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "plan")
	if err := os.WriteFile(path, []byte("former"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := WriteFile(path, example()); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v, want 0600", info.Mode(), err)
	}
	if files, err := os.ReadDir(filepath.Dir(path)); err != nil || len(files) != 1 {
		t.Errorf("files %v, %v, want only the plan", files, err)
	}
	if p, err := ReadFile(path); err != nil || len(p.Changes) != 3 {
		t.Errorf("ReadFile = %v, %v", p, err)
	}
	if err := os.WriteFile(path, []byte("no plan"), 0o600); err != nil {
		t.Fatal(err)
	}
	var damaged *DamagedError
	if _, err := ReadFile(path); !errors.As(err, &damaged) || damaged.Path != path {
		t.Errorf("ReadFile = %v, want a DamagedError with the path", err)
	}
	if _, err := ReadFile(path + "x"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("ReadFile = %v, want fs.ErrNotExist", err)
	}
	bad := example()
	bad.Changes[0].Addr, bad.Created = instance(0), time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) // not expressible in JSON
	if err := WriteFile(path+"2", bad); err == nil {
		t.Error("a plan that cannot be encoded was written")
	}
	if files, err := os.ReadDir(filepath.Dir(path)); err != nil || len(files) != 1 {
		t.Errorf("files %v, %v: a failed write left something", files, err)
	}
}

// TestStoredNumbers pins the numbers that plan files hold: new ones go to the end.
func TestStoredNumbers(t *testing.T) {
	var got []string
	for a := NoOp; a <= Forget; a++ {
		got = append(got, a.String())
	}
	for m := Normal; m <= Rollback; m++ {
		got = append(got, m.String())
	}
	for o := OpCreate; o <= OpPass; o++ {
		got = append(got, o.String())
	}
	want := []string{"no-op", "create", "update", "replace", "delete", "read", "forget", "normal", "destroy", "refresh-only", "rollback",
		"create", "update", "delete", "read", "forget", "record", "pass"}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("numbers of actions, modes and operations (-want +got):\n%s", d)
	}
	reasons := []Reason{NoReason, BecauseGone, BecauseRequested, BecauseAttribute, BecauseTriggered, BecauseIncomplete, BecauseAgain, BecauseAdopted,
		BecauseNoConfig, BecauseNoKey, BecauseDisabled, BecauseDestroy, BecauseRollback, BecauseDrifted, BecauseDeferred}
	for i, r := range reasons {
		if int(r) != i {
			t.Errorf("reason %q has number %d, want %d", r, r, i)
		}
	}
	if Nothing != 0 || Restore != 1 || Irreversible != 2 {
		t.Error("the ways back have other numbers")
	}
}

func TestReplacePathEndsAtSet(t *testing.T) {
	p := &Plan{Mode: Normal, Changes: []*Change{{Addr: instance(0), Action: Replace,
		Replace: []cty.Path{cty.GetAttrPath("set").Index(cty.ObjectVal(map[string]cty.Value{"a": cty.True})).GetAttr("a")}}}}
	got := decoded(t, encoded(t, p)).Changes[0].Replace
	if len(got) != 1 || !got[0].Equals(cty.GetAttrPath("set")) {
		t.Errorf("Replace = %#v", got)
	}
}

func values() *rapid.Generator[cty.Value] {
	leaf := rapid.Custom(func(t *rapid.T) cty.Value {
		v := rapid.SampledFrom([]cty.Value{cty.StringVal("s"), cty.StringVal(""), cty.NumberFloatVal(1.5), cty.True, cty.NullVal(cty.String),
			cty.UnknownVal(cty.Number), cty.DynamicVal, cty.NullVal(cty.DynamicPseudoType), cty.EmptyTupleVal, cty.ListValEmpty(cty.Bool)}).Draw(t, "leaf")
		return v.WithMarks(cty.NewValueMarks(rapid.SliceOfN(rapid.Map(rapid.Bool(), func(s bool) any {
			if s {
				return schema.Sensitive
			}
			return schema.Ephemeral
		}), 0, 1).Draw(t, "marks")...))
	})
	nested := rapid.Custom(func(t *rapid.T) cty.Value {
		if rapid.Bool().Draw(t, "object") {
			return cty.ObjectVal(rapid.MapOfN(rapid.StringMatching(`[a-c]`), leaf, 0, 3).Draw(t, "attributes"))
		}
		return cty.TupleVal(rapid.SliceOfN(leaf, 0, 3).Draw(t, "elements"))
	})
	return rapid.OneOf(leaf, nested)
}

func TestAnyValueRoundTrips(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := &Plan{Mode: Normal, Base: Base{Key: []byte("k"), Variables: []Variable{{Name: "v", Value: values().Draw(t, "variable")}}},
			Changes: []*Change{{Addr: instance(0), Action: Update, Before: values().Draw(t, "before"), After: values().Draw(t, "after")}}}
		var b bytes.Buffer
		if err := Encode(&b, p); err != nil {
			t.Fatal(err)
		}
		got, err := Decode(bytes.NewReader(b.Bytes()))
		if err != nil {
			t.Fatal(err)
		}
		before, err1 := p.Hash()
		after, err2 := got.Hash()
		if before != after || err1 != nil || err2 != nil {
			t.Fatalf("hash is %s after reading, %s before (%v, %v)", after, before, err1, err2)
		}
		if !p.Base.Variables[0].Value.IsWhollyKnown() {
			return // variables are known
		}
		if v := &got.Base.Variables[0]; !v.Matches(p.Base.Variables[0].Value) && !schema.IsEphemeral(p.Base.Variables[0].Value) {
			t.Fatalf("%#v does not match itself after reading", p.Base.Variables[0].Value)
		}
	})
}

func FuzzDecode(f *testing.F) {
	f.Add(encoded(f, example()))
	f.Add(encoded(f, &Plan{Mode: Normal}))
	f.Add(pack(`{"mode":1}`))
	var canonical bytes.Buffer
	if err := example().writeCanonical(&canonical); err != nil {
		f.Fatal(err)
	}
	f.Add(canonical.Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		check := func(b []byte) {
			p, err := Decode(bytes.NewReader(b))
			if err != nil {
				return
			}
			if _, err := p.Hash(); err != nil {
				t.Errorf("a plan that could be read cannot be encoded: %v", err)
			}
		}
		check(b)
		check(pack(string(b))) // content with a valid hash
	})
}

func FuzzValue(f *testing.F) {
	for _, v := range []cty.Value{object("a", "b"), cty.DynamicVal, cty.UnknownVal(cty.List(cty.String)).Refine().CollectionLengthUpperBound(3).NewValue()} {
		e := &encoder{key: []byte("k")}
		b, err := e.value(v, nil)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		d := &decoder{}
		if v, err := d.value(b); err == nil && v != nil {
			v.Reveal(cty.StringVal("x"), []byte("k"))
		}
	})
}

func benchmarkPlan(n int) *Plan {
	p := example()
	p.Changes, p.Steps, p.Drift = nil, nil, nil
	after := func(i int) cty.Value {
		return cty.ObjectVal(map[string]cty.Value{"name": cty.StringVal(fmt.Sprint("cm-", i)), "id": cty.UnknownVal(cty.String),
			"data":   cty.MapVal(map[string]cty.Value{"a": cty.StringVal("1"), "b": cty.StringVal("2")}),
			"secret": cty.StringVal("s").Mark(schema.Sensitive)})
	}
	for i := range n {
		c := &Change{Addr: instance(i), Action: Create, Provider: "kubernetes", Before: cty.NullVal(cty.DynamicPseudoType), After: after(i),
			Private: []byte("observed"), Range: hcl.Range{Filename: "main.mesh.hcl"}}
		s := Step{Change: i, Op: OpCreate}
		if i > 0 {
			c.DependsOn, s.Deps = []addr.Instance{instance(i - 1)}, []int{i - 1}
		}
		p.Changes, p.Steps = append(p.Changes, c), append(p.Steps, s)
	}
	return p
}

func BenchmarkEncode(b *testing.B) {
	p := benchmarkPlan(10_000)
	b.ReportAllocs()
	for b.Loop() {
		b.ReportMetric(float64(len(encoded(b, p)))/10_000, "file-B/change")
	}
}

func BenchmarkDecode(b *testing.B) {
	raw := encoded(b, benchmarkPlan(10_000))
	b.ReportAllocs()
	for b.Loop() {
		decoded(b, raw)
	}
}
