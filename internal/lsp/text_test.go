package lsp

import (
	"strings"
	"testing"
	"unicode/utf16"

	"pgregory.net/rapid"
)

func TestPositions(t *testing.T) {
	txt := newText([]byte("a🚪b\r\né\n"))
	for _, tt := range []struct {
		at   Position
		want int
	}{
		{Position{0, 0}, 0}, {Position{0, 1}, 1}, {Position{0, 2}, 1}, {Position{0, 3}, 5}, {Position{0, 4}, 6}, {Position{0, 99}, 6},
		{Position{1, 1}, 10}, {Position{1, 5}, 10}, {Position{2, 0}, 11}, {Position{9, 9}, 11}, {Position{-1, 0}, 0},
	} {
		if got := txt.offset(tt.at); got != tt.want {
			t.Errorf("offset(%v) = %d, want %d", tt.at, got, tt.want)
		}
	}
}

// Positions and bytes convert into each other, as an independent count has it.
func TestPositionsAgree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := strings.ToValidUTF8(rapid.StringOf(rapid.RuneFrom([]rune("ab\n🚪é\r日"))).Draw(t, "text"), "")
		runes := []rune(s)
		n := rapid.IntRange(0, len(runes)).Draw(t, "runes")
		before := string(runes[:n])
		txt := newText([]byte(s))
		p := txt.position(len(before))
		if want := (Position{strings.Count(before, "\n"), len(utf16.Encode([]rune(before[strings.LastIndex(before, "\n")+1:])))}); p != want {
			t.Fatalf("position = %v, want %v", p, want)
		}
		if strings.HasSuffix(before, "\r") && strings.HasPrefix(s[len(before):], "\n") {
			return // a place between the two that end a line is its end
		}
		if got := txt.offset(p); got != len(before) {
			t.Fatalf("offset(position(%d)) = %d", len(before), got)
		}
	})
}

func TestReplaced(t *testing.T) {
	txt := newText([]byte("x = \"🚪🚪\"\n")).replaced(Range{Position{0, 5}, Position{0, 7}}, "é")
	if got := string(txt.bytes); got != "x = \"é🚪\"\n" {
		t.Errorf("the text is %q", got)
	}
}

func TestURIs(t *testing.T) {
	for _, path := range []string{"/a b/ü#1%/main.mesh.hcl", "/x/y"} {
		if got, ok := toPath(toURI(path)); !ok || got != path {
			t.Errorf("%s becomes %q", path, got)
		}
	}
	for _, uri := range []string{"untitled:Untitled-1", "https://x.org/a", "%zz", ""} {
		if got, ok := toPath(uri); ok {
			t.Errorf("%q is the file %q", uri, got)
		}
	}
}
