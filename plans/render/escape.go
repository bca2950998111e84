package render

import (
	"fmt"
	"net/url"
	"strings"
)

// details folds lines away under a summary, which is HTML. The marks stand in the first column: only there do they
// colour a line.
func details(summary string, lines []line, open bool) string {
	var body strings.Builder
	for _, l := range lines {
		mark := string(l.sign)
		if l.sign == changed {
			mark = "!"
		}
		fmt.Fprintf(&body, "%s %s%s", mark, strings.Repeat("  ", l.depth), l.text)
		if l.note != "" {
			body.WriteString("   # " + l.note)
		}
		body.WriteByte('\n')
	}
	tag := "<details>"
	if open {
		tag = "<details open>"
	}
	return fmt.Sprintf("%s<summary>%s</summary>\n\n%s\n</details>\n\n", tag, summary, Fence("diff", body.String()))
}

// Fence writes a block of code, with a fence that is longer than any run of backquotes inside. The text must end with a
// line break.
func Fence(language, text string) string {
	fence := strings.Repeat("`", max(longestRun(text, '`')+1, 3))
	return fence + language + "\n" + text + fence + "\n"
}

func longestRun(s string, c rune) (longest int) {
	run := 0
	for _, r := range s {
		if r != c {
			run = 0
			continue
		}
		run++
		longest = max(longest, run)
	}
	return longest
}

// code writes a name from outside as code, in HTML: Markdown's own form has no way to escape a backquote. Nothing in it
// becomes a mention or a link, and it can be copied as it is.
func code(s string) string { return "<code>" + escape(s) + "</code>" }

// escape makes text from outside harmless in Markdown and HTML: no tag, no formatting, no address that becomes a link.
func escape(s string) string {
	var b strings.Builder
	for _, r := range oneLine(s) {
		if strings.ContainsRune("&<>\"'@`*_[]|\\~!#$", r) {
			fmt.Fprintf(&b, "&#%d;", r)
		} else {
			b.WriteRune(r)
		}
	}
	return undotted.Replace(b.String())
}

// undotted keeps addresses from becoming links.
var undotted = strings.NewReplacer("://", "&#58;//", "www.", "www&#46;", "WWW.", "WWW&#46;", "Www.", "Www&#46;")

// prose is escape for text that is not code. Sites look for mentions and references after entities have become
// characters, so a space without width behind the sign keeps them from finding one.
func prose(s string) string {
	return unlinked.Replace(escape(s))
}

var unlinked = strings.NewReplacer("&#64;", "&#64;&#8203;", "&#35;", "&#35;&#8203;", "&#58;//", "&#58;&#8203;//", "gh-", "gh&#8203;-", "GH-", "GH&#8203;-")

// Prose makes text from outside harmless as a part of a line of Markdown: no formatting, no tag, no link, no mention.
func Prose(s string) string { return prose(s) }

// Code writes a name from outside as code within a line of Markdown.
func Code(s string) string { return code(s) }

// mdLink returns a link, or "" when the address is none.
func mdLink(text, address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
		return ""
	}
	return "[" + text + "](" + strings.NewReplacer("(", "%28", ")", "%29", " ", "%20", "<", "%3C", ">", "%3E", "\\", "%5C").Replace(u.String()) + ")"
}
