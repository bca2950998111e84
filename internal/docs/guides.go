package docs

import (
	"embed"
	"io/fs"
	"path"
	"regexp"
	"strings"
)

//go:embed guides/*.md
var guideFiles embed.FS

// Guide is a page that shows how something is done.
type Guide struct {
	Name  string // as in `meshplan help guide-NAME`
	Title string
	Text  string // Markdown, the title included
}

// Fence is a fenced block of a guide.
type Fence struct {
	Language string // such as hcl, or sh for commands
	Text     string
}

var fenced = regexp.MustCompile("(?ms)^```([a-z]+)\n(.*?)^```$")

// Fences returns the fenced blocks of the guide in their order, and the text without them.
func (g Guide) Fences() (blocks []Fence, rest string) {
	for _, m := range fenced.FindAllStringSubmatch(g.Text, -1) {
		blocks = append(blocks, Fence{m[1], m[2]})
	}
	return blocks, fenced.ReplaceAllString(g.Text, "")
}

// Guides returns the guides by name.
func Guides() []Guide {
	files, _ := fs.Glob(guideFiles, "guides/*.md") // the pattern is valid
	var out []Guide
	for _, f := range files {
		b, err := guideFiles.ReadFile(f)
		if err != nil {
			continue // Glob has just found it
		}
		text := string(b)
		title, _, _ := strings.Cut(strings.TrimPrefix(text, "# "), "\n")
		out = append(out, Guide{Name: strings.TrimSuffix(path.Base(f), ".md"), Title: title, Text: text})
	}
	return out
}

// item reports whether a line begins an item of a numbered list.
func item(l string) bool {
	number, _, ok := strings.Cut(l, ". ")
	return ok && number != "" && strings.Trim(number, "0123456789") == ""
}

// Plain is the guide for a terminal: without its title, code indented instead of fenced, emphasis taken off.
func (g Guide) Plain() string {
	var out strings.Builder
	code := false
	_, body, _ := strings.Cut(g.Text, "\n")
	for l := range strings.Lines(strings.TrimSpace(body)) {
		switch {
		case strings.HasPrefix(l, "```"):
			code = !code
		case code && strings.TrimSpace(l) == "":
			out.WriteString("    \n") // not an empty line, which would end the indented paragraph
		case code:
			out.WriteString("    " + l)
		default:
			if item(l) && !strings.HasSuffix(out.String(), "\n\n") {
				out.WriteByte('\n') // a paragraph of its own
			}
			out.WriteString(strings.ReplaceAll(l, "**", ""))
		}
	}
	return out.String()
}
