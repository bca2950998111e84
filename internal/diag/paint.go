package diag

// Paint colours text for a terminal. The zero Paint leaves text as it is. Only the eight basic colours are used, so
// that the theme of the reader's terminal decides how they look, and no meaning rests on colour alone.
type Paint struct{ On bool }

func (p Paint) in(code, s string) string {
	if !p.On || s == "" {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

// Bold makes s stand out.
func (p Paint) Bold(s string) string { return p.in("1", s) }

// Faint makes s step back.
func (p Paint) Faint(s string) string { return p.in("2", s) }

// Red is for errors and deletions.
func (p Paint) Red(s string) string { return p.in("31", s) }

// Green is for success and creations.
func (p Paint) Green(s string) string { return p.in("32", s) }

// Yellow is for warnings and updates.
func (p Paint) Yellow(s string) string { return p.in("33", s) }

// Magenta is for replacements.
func (p Paint) Magenta(s string) string { return p.in("35", s) }

// Cyan is for what is only read.
func (p Paint) Cyan(s string) string { return p.in("36", s) }
