package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/meshplan/meshplan/internal/diag"
)

// moduleCycle reports a call that leads back to a module on the way to it.
func moduleCycle(chain []*loadedModule, c *ModuleCall) *hcl.Diagnostic {
	names := make([]string, 0, len(chain))
	for _, m := range chain {
		names = append(names, fmt.Sprintf("%q", m.module.Dir))
	}
	detail := fmt.Sprintf("The module in the directory %s calls itself, so there would be no end to it.", names[0])
	if len(names) > 1 {
		detail = fmt.Sprintf("The modules in these directories call each other in a circle, so there would be no end to it: %s.", strings.Join(append(names, names[0]), " → "))
	}
	return diag.Error(CodeModuleCycle, "Module calls itself", detail+" Remove this call, or move what is needed into a directory of its own.", c.SourceRange.Ptr())
}

// notADirectory says what is wrong with the directory of a call; nil when nothing is.
func notADirectory(dir string, c *ModuleCall) *hcl.Diagnostic {
	info, err := os.Stat(dir)
	var why string
	switch {
	case err == nil && info.IsDir():
		return nil
	case err == nil:
		why = "is not a directory"
	case errors.Is(err, fs.ErrNotExist):
		why = "does not exist"
	default:
		var p *fs.PathError
		if errors.As(err, &p) {
			err = p.Err
		}
		why = fmt.Sprintf("cannot be read: %s", err)
	}
	detail := fmt.Sprintf("%q %s. The source is relative to the directory of the file that holds the call.%s", dir, why, sibling(dir))
	return diag.Error(CodeModuleSource, "Module cannot be found", detail, c.SourceRange.Ptr())
}

// sibling suggests a directory that stands where the missing one should.
func sibling(dir string) string {
	entries, err := os.ReadDir(filepath.Dir(dir))
	if err != nil {
		return ""
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() && !strings.HasPrefix(e.Name(), ".") {
			names = append(names, e.Name())
		}
	}
	return diag.Suggest(filepath.Base(dir), names)
}

// asCalled lets findings about a directory as a whole point at the call that names it.
func asCalled(ds hcl.Diagnostics, c *ModuleCall) hcl.Diagnostics {
	for _, d := range ds {
		if d.Subject != nil {
			continue
		}
		d.Subject = c.SourceRange.Ptr()
		if diag.CodeOf(d) == CodeNoConfiguration {
			d.Detail = fmt.Sprintf("The directory that the module %q names has no file that ends in %s or %s%s. The source must be a directory that holds such files.",
				c.Name, configSuffix, configSuffix, jsonSuffix)
		}
	}
	return ds
}
