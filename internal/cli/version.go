package cli

import (
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
)

// release is set by -ldflags "-X …/internal/cli.release=1.2.3". Without it the version is that of the module, as `go
// install` records it. It is never written to.
var release string

// versionInfo is what `version --json` prints.
type versionInfo struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"`
	Modified bool   `json:"modified,omitempty"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
	// Modules are what the program was built from, by path, with their versions.
	Modules map[string]string `json:"modules,omitempty"`
}

func readVersion() versionInfo {
	v := versionInfo{Version: release, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	if v.Version == "" && info.Main.Version != "(devel)" {
		v.Version = strings.TrimPrefix(info.Main.Version, "v")
	}
	v.Modules = make(map[string]string, len(info.Deps))
	for _, m := range info.Deps {
		v.Modules[m.Path] = m.Version
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			v.Revision = s.Value
		case "vcs.modified":
			v.Modified = s.Value == "true"
		}
	}
	return v
}

// versionNumber is what required_version is compared with: empty for a development build, which meets every constraint.
func versionNumber() string {
	v := readVersion().Version
	if strings.HasPrefix(v, "0.0.0-") { // made up by the go command from a commit
		return ""
	}
	return v
}

func versionLine() string {
	v := readVersion()
	if v.Version == "" {
		v.Version = "(development build)"
	}
	return fmt.Sprintf("meshplan %s %s %s", v.Version, v.Platform, v.Go)
}

func (a *app) versionCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "version",
		Short:   "Print the version",
		Long:    "Prints the version of meshplan and what it was built with. It reads neither configuration nor state.",
		Example: "  meshplan version\n  meshplan version --json",
		Args:    atMost(0),
		RunE: func(*cobra.Command, []string) error {
			if asJSON {
				return json.NewEncoder(a.out).Encode(readVersion())
			}
			fmt.Fprintln(a.out, versionLine())
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}
