package cli

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"strings"
)

// outputSchemas are JSON Schemas of what the program prints for machines, as schemas/NAME.json. The tests hold real output
// against them, with nothing allowed that they do not name.
//
//go:embed schemas
var outputSchemas embed.FS

// outputSchemaNames are the names that --json-output takes.
func outputSchemaNames() []string {
	entries, _ := fs.ReadDir(outputSchemas, "schemas") // they are part of the program
	var names []string
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".json"))
	}
	return names
}

// writeOutputSchema prints the schema of one kind of output.
func (a *app) writeOutputSchema(name string) error {
	text, err := outputSchemas.ReadFile(path.Join("schemas", name+".json"))
	if err != nil {
		return fmt.Errorf("there is no output %q; the outputs are %s", name, words(outputSchemaNames()))
	}
	_, err = a.out.Write(text)
	return err
}
