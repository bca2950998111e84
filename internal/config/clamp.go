package config

import "github.com/hashicorp/hcl/v2"

// clamped cuts ranges off at the end of their file. HCL's scanners sometimes point one byte behind it, where a
// program that prints the source would fall over.
func clamped(ds hcl.Diagnostics, files map[string]*hcl.File) hcl.Diagnostics {
	for _, d := range ds {
		d.Subject, d.Context = clamp(d.Subject, files), clamp(d.Context, files)
	}
	return ds
}

func clamp(r *hcl.Range, files map[string]*hcl.File) *hcl.Range {
	if r == nil || files[r.Filename] == nil {
		return r
	}
	text := files[r.Filename].Bytes
	if r.Start.Byte >= 0 && r.Start.Byte <= r.End.Byte && r.End.Byte <= len(text) {
		return r
	}
	out := *r
	out.Start.Byte = min(max(out.Start.Byte, 0), len(text))
	if out.End.Byte > len(text) || out.End.Byte < out.Start.Byte {
		out.End = out.Start
		for _, b := range text[out.Start.Byte:min(max(r.End.Byte, out.Start.Byte), len(text))] {
			out.End.Byte++
			out.End.Column++
			if b == '\n' {
				out.End.Line, out.End.Column = out.End.Line+1, 1
			}
		}
	}
	return &out
}
