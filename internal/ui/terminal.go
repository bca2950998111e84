package ui

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"golang.org/x/term"

	"github.com/meshplan/meshplan/internal/diag"
)

// ColorMode says when to colour. The zero value is invalid.
type ColorMode string

// The modes of --color.
const (
	ColorAuto   ColorMode = "auto"
	ColorAlways ColorMode = "always"
	ColorNever  ColorMode = "never"
)

const (
	defaultWidth = 80
	minWidth     = 40
)

// Terminal is where a command reads and writes, and what that can do. It is not changed once it is made.
type Terminal struct {
	In       io.Reader
	Out, Err io.Writer
	// InTTY, OutTTY and ErrTTY say whether the three are terminals.
	InTTY, OutTTY, ErrTTY bool
	// Live says that standard error is a terminal on which lines can be drawn again.
	Live bool
	// Width in characters, at least 40; 80 when it cannot be found out.
	Width int
	// OutPaint and ErrPaint colour what goes to the two outputs.
	OutPaint, ErrPaint diag.Paint
	// ASCII says that the locale asks for plain characters.
	ASCII bool
}

// Detect finds out what the streams of a command can do. An explicit mode beats NO_COLOR, which beats CLICOLOR_FORCE and
// FORCE_COLOR, which beat the look at the stream. COLUMNS overrides the width.
func Detect(in io.Reader, out, err io.Writer, getenv func(string) string, mode ColorMode) *Terminal {
	t := &Terminal{In: in, Out: out, Err: err, InTTY: isTerminal(in), OutTTY: isTerminal(out), ErrTTY: isTerminal(err)}
	dumb := getenv("TERM") == "dumb"
	t.Live = t.ErrTTY && !dumb
	t.OutPaint.On = colored(mode, getenv, t.OutTTY && !dumb)
	t.ErrPaint.On = colored(mode, getenv, t.ErrTTY && !dumb)
	t.Width = width(getenv, out, err)
	t.ASCII = ascii(getenv)
	return t
}

func isTerminal(stream any) bool {
	f := file(stream)
	return f != nil && term.IsTerminal(int(f.Fd()))
}

// file returns the file that a stream ends in, or nil.
func file(stream any) *os.File {
	switch s := stream.(type) {
	case *os.File:
		return s
	case *Pager:
		return s.Terminal()
	}
	return nil
}

func colored(mode ColorMode, getenv func(string) string, auto bool) bool {
	forced := func(name string) bool { v := getenv(name); return v != "" && v != "0" }
	switch {
	case mode == ColorAlways:
		return true
	case mode == ColorNever:
		return false
	case getenv("NO_COLOR") != "":
		return false
	case forced("CLICOLOR_FORCE"), forced("FORCE_COLOR"):
		return true
	}
	return auto
}

func width(getenv func(string) string, streams ...any) int {
	if n, err := strconv.Atoi(getenv("COLUMNS")); err == nil && n > 0 {
		return max(n, minWidth)
	}
	for _, s := range streams {
		if !isTerminal(s) {
			continue
		}
		if n, _, err := term.GetSize(int(file(s).Fd())); err == nil && n > 0 {
			return max(n, minWidth)
		}
	}
	return defaultWidth
}

// ascii reports whether the locale names a character set other than UTF-8. No locale at all is common in containers,
// whose output is then read elsewhere as UTF-8.
func ascii(getenv func(string) string) bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if v := strings.ToLower(getenv(name)); v != "" {
			return !strings.Contains(v, "utf-8") && !strings.Contains(v, "utf8")
		}
	}
	return false
}

// ParseColor reads the value of --color.
func ParseColor(s string) (ColorMode, error) {
	switch m := ColorMode(s); m {
	case ColorAuto, ColorAlways, ColorNever:
		return m, nil
	}
	return "", fmt.Errorf("%q is not one of auto, always and never", s)
}
