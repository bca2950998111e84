package alarm

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func slackOf(t interface{ Fatal(...any) }, m Message) string {
	b, err := m.Slack()
	if err != nil {
		t.Fatal(err)
	}
	var form struct{ Text string }
	if err := json.Unmarshal(b, &form); err != nil {
		t.Fatal(err)
	}
	return form.Text
}

func TestSlackText(t *testing.T) {
	m := told()
	m.Directory, m.Link, m.Acknowledged, m.Pending = "prod", "https://ci.example/1?a=1&b=2", 2, 1
	want := "*Drift: 2 objects* in `prod`\n" +
		"+ `kubernetes_manifest.db` gone\n" +
		"+ `kubernetes_manifest.web` changed `manifest.spec.replicas`\n" +
		"2 acknowledged, 1 pending.\n" +
		"<https://ci.example/1?a=1&amp;b=2|Report>"
	if got := slackOf(t, m); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	_, kept := Memory{}.Next(Look{Items: []Item{web}, At: noon})
	d, next := kept.Next(Look{At: noon})
	if got, want := slackOf(t, NewMessage(d, "", next.Fingerprint, noon)), "*Drift resolved*\n✓ `kubernetes_manifest.web` changed `manifest.spec.replicas`"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	d, next = kept.Next(Look{Items: []Item{web, cert}, Incomplete: true, At: noon})
	m = NewMessage(d, "", next.Fingerprint, noon)
	m.Incomplete = true
	if got, want := slackOf(t, m), "*Drift changed: 2 objects*\nSince 2026-11-25 12:00 UTC.\nNot everything could be read: there may be more.\n+ `Secret linkerd/issuer` linkerd.drift.expiring"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestSlackIsHarmless: a name from a cluster stays a name, whatever is in it, and the text is never too long.
func TestSlackIsHarmless(t *testing.T) {
	hostile := []string{"<!channel>", "<@U123>", "<https://evil|click>", "`@here` *bold*", "&lt;", "a\nb\x1b[2J\u202e", strings.Repeat("<", 500), "````", " ", "日本"}
	rapid.Check(t, func(t *rapid.T) {
		var items []Item
		for range rapid.IntRange(0, 150).Draw(t, "n") {
			items = append(items, Item{Address: rapid.SampledFrom(hostile).Draw(t, "address") + fmt.Sprint(rapid.IntRange(0, 1000).Draw(t, "number")),
				Path: rapid.SampledFrom(hostile).Draw(t, "path"), Kind: Changed})
		}
		d, next := Memory{}.Next(Look{Items: items, At: noon})
		m := NewMessage(d, "id", next.Fingerprint, noon)
		m.Directory, m.Link = rapid.SampledFrom(hostile).Draw(t, "directory"), rapid.SampledFrom([]string{"", "https://x/", "https://x/|<!here>", "a b"}).Draw(t, "link")
		text := slackOf(t, m)
		if n := utf8.RuneCountInString(text); n > maxSlack {
			t.Fatalf("%d characters", n)
		}
		bare := strings.ReplaceAll(text, "<https://x/|Report>", "")
		if strings.ContainsAny(bare, "<>\x1b\u202e") {
			t.Fatalf("markup came through:\n%s", text)
		}
		for _, line := range strings.Split(bare, "\n") {
			// What is outside of the backquotes is our own text.
			for i, part := range strings.Split(line, "`") {
				if i%2 == 0 && (strings.Contains(part, "@") || strings.Contains(part, "bold")) {
					t.Fatalf("a name left its quotes: %s", line)
				}
			}
			if strings.Count(line, "`")%2 != 0 {
				t.Fatalf("quotes are open: %s", line)
			}
		}
		shown := strings.Count(text, "\n+ ")
		if left := len(sorted(items)) - shown; left > 0 && !strings.Contains(text, fmt.Sprintf("… and %d more.", left)) {
			t.Fatalf("%d of %d are shown, and what is left out is not counted:\n%s", shown, len(items), text)
		}
	})
}

func TestMessageIsBounded(t *testing.T) {
	var items []Item
	for i := range 1000 {
		items = append(items, Item{Address: fmt.Sprintf("a.b[%d]", i), Path: "p", Kind: Changed})
	}
	d, next := Memory{}.Next(Look{Items: items, At: noon})
	m := NewMessage(d, "id", next.Fingerprint, noon)
	if len(m.Items) != maxListed || len(m.New) != maxListed || m.Counts != (Counts{1000, 1000, 0}) || m.Objects != 1000 {
		t.Errorf("%d items, %d new, %v, %d objects", len(m.Items), len(m.New), m.Counts, m.Objects)
	}
}
