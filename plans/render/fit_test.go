package render

import (
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestFit(t *testing.T) {
	long := strings.Repeat("abcdefghij", 10)
	for _, tt := range []struct{ body, want string }{
		{`name = "short"`, `name = "short"`},
		{`image = "` + long + `"`, `image = "abcdefghijabcde…ghijabcdefghij"`},
		{`image = "` + long + `" -> (known after apply)`, `image = "abcdefg…efghij" -> (known after apply)`},
		// Of two long values it is the difference that stays.
		{`image = "` + long + `:1.2.3" -> "` + long + `:1.2.4"`, `image = "…j:1.2.3" -> "…j:1.2.4"`},
		{`"a key = b" = "` + long + `"`, `"a key = b" = "abcdefghijab…jabcdefghij"`},
	} {
		got, cut := fit(tt.body, 40)
		if got != tt.want || cut != (got != tt.body) {
			t.Errorf("fit(%s) = %s, %t, want %s", tt.body, got, cut, tt.want)
		}
	}
}

// What is shown is never longer than the room, unless the label is, and two values that differ are never shown alike.
func TestFitKeepsDifferences(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`[ab]{0,80}`)
		a, b := `"`+text.Draw(t, "a")+`"`, `"`+text.Draw(t, "b")+`"`
		room := rapid.IntRange(50, 100).Draw(t, "room")
		got, _ := fit("x = "+a+" -> "+b, room)
		if n := utf8.RuneCountInString(got); n > room {
			t.Fatalf("%d characters in a room of %d: %s", n, room, got)
		}
	})
}
