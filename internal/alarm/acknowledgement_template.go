package alarm

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// templateDays is how long entries of a template hold unless somebody writes another date.
const templateDays = 14

// WriteTemplate writes an entry for each item. The reasons are left empty, which is an error when the file is read: a
// person has to give them.
func WriteTemplate(w io.Writer, items []Item, now time.Time) error {
	var b strings.Builder
	b.WriteString("# Say why each of these may stay, and until when; remove the others. Then: meshplan drift --acknowledge FILE\n")
	expires := now.UTC().AddDate(0, 0, templateDays).Format(time.DateOnly)
	for _, i := range sorted(items) {
		b.WriteString("\nacknowledge {\n")
		line := func(name, value string) { fmt.Fprintf(&b, "  %-7s = %s\n", name, value) }
		if i.Address != "" {
			line("address", i.Address)
		}
		switch {
		case strings.Contains(i.Kind, "."):
			line("finding", quoted(i.Kind))
			if i.Path != "" {
				line("object", quoted(i.Path))
			}
		case i.Path != "":
			line("path", quoted(i.Path))
		}
		line("reason", `""`)
		line("owner", `"nobody yet"`)
		line("expires", quoted(expires))
		b.WriteString("}\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// quoted writes a text as HCL does.
func quoted(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\r", `\r`, "\t", `\t`, "${", "$${", "%{", "%%{").Replace(s) + `"`
}
