package plans

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// A plan file is one line of text and the compressed canonical form:
//
//	meshplan-plan FORMAT HASH
//
// The hash is that of the plan itself (Hash): it shows that the file is whole and unchanged. It is no signature: who
// can write the file can write a plan. A plan file holds no secret, but it holds the key of their fingerprints, with
// which guesses can be tested; so it is for its owner only (mode 0600).
const magic = "meshplan-plan"

const (
	// maxLineBytes bounds the first line.
	maxLineBytes = 128
	// maxPlanBytes bounds the canonical form: a plan of 100,000 changes needs about a quarter of it.
	maxPlanBytes = 1 << 30
)

// DamagedError says that a file is not a plan, or not one as it was written. Path is empty when there is no file.
type DamagedError struct {
	Path string
	Err  error
}

func (e *DamagedError) Error() string {
	return fmt.Sprintf("%s cannot be used: %v: make the plan again", subject(e.Path), e.Err)
}

// Unwrap returns the cause.
func (e *DamagedError) Unwrap() error { return e.Err }

// FormatError says that a plan was written by a newer program. Path is empty when there is no file.
type FormatError struct {
	Path string
	Got  int
}

func (e *FormatError) Error() string {
	return fmt.Sprintf("%s has format %d, this program reads up to %d: use a newer meshplan", subject(e.Path), e.Got, Format)
}

func subject(path string) string {
	if path == "" {
		return "the plan"
	}
	return "plan file " + path
}

// Hash returns the SHA-256 of the plan's canonical form in hexadecimal digits. It is the same before writing and after
// reading, and differs for every other plan. It costs O(size of p), and nothing for a plan that was read, which is not to be
// changed.
func (p *Plan) Hash() (string, error) {
	if p.hash != "" {
		return p.hash, nil
	}
	h := sha256.New()
	if err := p.writeCanonical(h); err != nil {
		return "", fmt.Errorf("encoding the plan: %w", err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// Encode writes p in the form that Decode reads. Sensitive values are replaced by their fingerprints.
func Encode(w io.Writer, p *Plan) error {
	var packed bytes.Buffer
	gz, err := gzip.NewWriterLevel(&packed, gzip.BestSpeed)
	if err != nil {
		return err
	}
	h := sha256.New()
	out := bufio.NewWriterSize(io.MultiWriter(gz, h), 64<<10)
	if err := errors.Join(p.writeCanonical(out), out.Flush(), gz.Close()); err != nil {
		return fmt.Errorf("encoding the plan: %w", err)
	}
	if _, err := fmt.Fprintf(w, "%s %d %x\n", magic, Format, h.Sum(nil)); err != nil {
		return fmt.Errorf("writing the plan: %w", err)
	}
	if _, err := packed.WriteTo(w); err != nil {
		return fmt.Errorf("writing the plan: %w", err)
	}
	return nil
}

// Decode reads a plan. Sensitive values are null and listed in the Secret fields; the Reveal methods and Matches can
// still use their fingerprints. Whatever the input is, Decode takes bounded memory and does not panic. Errors:
// *DamagedError, *FormatError, and what r returns.
func Decode(r io.Reader) (*Plan, error) {
	src := &sourceError{r: r}
	p, err := decodeFile(bufio.NewReader(src))
	var format *FormatError
	switch {
	case err == nil || errors.As(err, &format):
		return p, err
	case src.err != nil:
		return nil, fmt.Errorf("reading the plan: %w", src.err)
	}
	return nil, &DamagedError{Err: err}
}

// sourceError remembers why reading failed, to tell a bad disk from a bad plan.
type sourceError struct {
	r   io.Reader
	err error
}

func (s *sourceError) Read(b []byte) (int, error) {
	n, err := s.r.Read(b)
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}

func decodeFile(r *bufio.Reader) (*Plan, error) {
	want, err := readLine(r)
	if err != nil {
		return nil, err
	}
	gz, err := gzip.NewReader(r)
	if err != nil {
		return nil, err
	}
	gz.Multistream(false)
	h := sha256.New()
	limited := &io.LimitedReader{R: gz, N: maxPlanBytes}
	p, err := readCanonical(io.TeeReader(limited, h))
	if limited.N <= 0 {
		return nil, fmt.Errorf("it is larger than %d bytes", maxPlanBytes)
	}
	if err != nil {
		return nil, eof(err)
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != want {
		return nil, fmt.Errorf("its content has the hash %s, not %s: it has been changed", got, want)
	}
	if _, err := r.ReadByte(); err != io.EOF {
		return nil, errors.New("there is something behind the plan")
	}
	p.hash = want
	return p, nil
}

// readLine reads the first line and returns the hash.
func readLine(r *bufio.Reader) (string, error) {
	var line []byte
	for len(line) < maxLineBytes {
		c, err := r.ReadByte()
		if err != nil {
			return "", eof(err)
		}
		if c == '\n' {
			break
		}
		line = append(line, c)
	}
	words := strings.Split(string(line), " ")
	if words[0] != magic || len(words) < 3 {
		return "", errors.New("it is not a plan")
	}
	switch format, err := strconv.Atoi(words[1]); {
	case err == nil && format > Format:
		return "", &FormatError{Got: format}
	case err != nil || format < 1 || len(words) != 3:
		return "", errors.New("its first line cannot be read")
	}
	return words[2], nil
}

// WriteFile writes p to a file of mode 0600. The file appears under its name when it is complete and durable; a
// former file is replaced. Something that is not a regular file, such as a pipe, is written to directly.
func WriteFile(path string, p *Plan) (err error) {
	if info, statErr := os.Stat(path); statErr == nil && !info.Mode().IsRegular() {
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		return errors.Join(Encode(f, p), f.Close())
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(f.Name())
		}
	}()
	if err = errors.Join(Encode(f, p), f.Sync(), f.Close()); err != nil {
		return err
	}
	if err = os.Rename(f.Name(), path); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// ReadFile reads a plan from a file. Errors: *DamagedError and *FormatError with the path, *fs.PathError.
func ReadFile(path string) (*Plan, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	p, err := Decode(f)
	var damaged *DamagedError
	var format *FormatError
	switch {
	case errors.As(err, &damaged):
		damaged.Path = path
	case errors.As(err, &format):
		format.Path = path
	}
	return p, err
}
