package ci

import (
	"encoding/xml"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/meshplan/meshplan/internal/diag"
)

// Suite is what JUnit writes: a name, and one case for each thing that was checked.
type Suite struct {
	Name string
	// Cases names everything that was checked, for instance the addresses of resources. Findings about something else
	// get a case of their own.
	Cases    []string
	Findings []Finding
	// General is the name of the case of findings without an address; empty means "configuration". The case is there
	// without a finding as well, so that no report is empty.
	General string
	Took    time.Duration
	Place   Place
}

// JUnit writes a report with one case for each thing that was checked, sorted by name. A case with an error has failed;
// so has one with a warning when warnings fail, which is what drift does. Other warnings are said in the output of the case.
func JUnit(w io.Writer, s Suite, warningsFail bool) error {
	general := s.General
	if general == "" {
		general = "configuration"
	}
	byCase := map[string]*junitCase{}
	get := func(name string) *junitCase {
		if byCase[name] == nil {
			class := s.Name
			if kind, _, ok := strings.Cut(name, "."); ok {
				class += "." + xmlSafe(kind)
			}
			byCase[name] = &junitCase{Name: xmlSafe(name), Class: class, Time: "0"}
		}
		return byCase[name]
	}
	get(general)
	for _, name := range s.Cases {
		get(name)
	}
	for i := range s.Findings {
		f := &s.Findings[i]
		name := f.Address
		if name == "" {
			name = general
		}
		get(name).add(f, s.Place, warningsFail)
	}
	suite := junitSuite{Name: s.Name, Time: strconv.FormatFloat(s.Took.Seconds(), 'f', 3, 64)}
	for _, c := range byCase {
		suite.Cases = append(suite.Cases, c)
		suite.Tests++
		if c.Failure != nil {
			suite.Failures++
		}
	}
	slices.SortFunc(suite.Cases, func(a, b *junitCase) int { return strings.Compare(a.Name, b.Name) })
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	enc := xml.NewEncoder(w)
	enc.Indent("", "  ")
	if err := enc.Encode(junitSuites{Suites: []junitSuite{suite}, Tests: suite.Tests, Failures: suite.Failures, Time: suite.Time}); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

// add says a finding in its case. Several failures of one case become one, because readers show the first only.
func (c *junitCase) add(f *Finding, place Place, warningsFail bool) {
	text := f.Level.String() + ": " + f.Message() + " [" + string(f.Code) + "]"
	if file, line, _ := place.position(f); line > 0 {
		text += "\n  " + file + ":" + strconv.Itoa(line)
		if c.File == "" {
			c.File, c.Line = xmlSafe(file), line
		}
	}
	text = xmlSafe(text) + "\n"
	if f.Level != Error && !warningsFail {
		c.Output += text
		return
	}
	if c.Failure == nil {
		c.Failure = &junitFailure{Message: xmlSafe(oneLine(f.Summary)), Type: string(f.Code)}
	}
	c.Failure.Text += text
}

// xmlSafe leaves out what XML cannot hold; encoding/xml escapes the rest.
func xmlSafe(s string) string { return strings.ToValidUTF8(diag.Scrub(s), "\uFFFD") }

type junitSuites struct {
	XMLName  xml.Name     `xml:"testsuites"`
	Tests    int          `xml:"tests,attr"`
	Failures int          `xml:"failures,attr"`
	Time     string       `xml:"time,attr"`
	Suites   []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name     string       `xml:"name,attr"`
	Tests    int          `xml:"tests,attr"`
	Failures int          `xml:"failures,attr"`
	Errors   int          `xml:"errors,attr"`
	Time     string       `xml:"time,attr"`
	Cases    []*junitCase `xml:"testcase"`
}

type junitCase struct {
	Name    string        `xml:"name,attr"`
	Class   string        `xml:"classname,attr"`
	Time    string        `xml:"time,attr"`
	File    string        `xml:"file,attr,omitempty"`
	Line    int           `xml:"line,attr,omitempty"`
	Failure *junitFailure `xml:"failure"`
	Output  string        `xml:"system-out,omitempty"`
}

type junitFailure struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr"`
	Text    string `xml:",chardata"`
}
