package ci

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"slices"

	"github.com/meshplan/meshplan/internal/diag"
)

// SARIFOptions say who writes a report. The zero value is complete.
type SARIFOptions struct {
	Version string // of meshplan
	Place   Place
	// Explain returns what a code means, one sentence; nil explains none.
	Explain func(diag.Code) string
}

// maxResults is how many results of one run GitHub's code scanning accepts; the worst are kept.
const maxResults = 25_000

// SARIF writes findings as a SARIF 2.1.0 report, the form that code scanning reads. A finding keeps its fingerprint when
// it moves within its file or its text is reworded, so it stays one alert; results are sorted by level, file and line.
// Planned changes do not belong here: they are no faults.
func SARIF(w io.Writer, findings []Finding, o SARIFOptions) error {
	fs := worst(findings)
	if len(fs) > maxResults {
		fs = fs[:maxResults]
	}
	rules, index := sarifRules(fs, o)
	seen := map[string]int{}
	results := []sarifResult{}
	for i := range fs {
		f := &fs[i]
		file, line, column := o.Place.position(f)
		print := fingerprint(f, file)
		seen[print]++
		r := sarifResult{
			Rule: string(f.Code), Index: index[f.Code], Level: f.Level.String(), Message: sarifText{f.Message()},
			// Findings that are alike in everything are told apart by their number.
			Fingerprints: map[string]string{"meshplan/v1": fmt.Sprintf("%s:%d", print, seen[print])},
		}
		if location, ok := sarifPlace(f, file, line, column); ok {
			r.Locations = []sarifLocation{location}
		}
		results = append(results, r)
	}
	run := sarifRun{Tool: sarifTool{sarifDriver{Name: "meshplan", Version: o.Version, URI: "https://github.com/meshplan/meshplan", Rules: rules}}, Results: results, Columns: "unicodeCodePoints"}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(sarifLog{Schema: "https://json.schemastore.org/sarif-2.1.0.json", Version: "2.1.0", Runs: []sarifRun{run}})
}

// sarifRules lists the codes that occur.
func sarifRules(fs []Finding, o SARIFOptions) ([]sarifRule, map[diag.Code]int) {
	byCode := map[diag.Code]sarifRule{}
	for i := range fs {
		if _, ok := byCode[fs[i].Code]; ok {
			continue
		}
		r := sarifRule{ID: string(fs[i].Code), Help: sarifText{"meshplan explain " + string(fs[i].Code)}}
		text := oneLine(fs[i].Summary)
		if o.Explain != nil {
			text = cmp.Or(o.Explain(fs[i].Code), text)
		}
		r.Short.Text = text
		r.Default.Level = fs[i].Level.String()
		byCode[fs[i].Code] = r
	}
	rules := []sarifRule{}
	for _, r := range byCode {
		rules = append(rules, r)
	}
	slices.SortFunc(rules, func(a, b sarifRule) int { return cmp.Compare(a.ID, b.ID) })
	index := map[diag.Code]int{}
	for i, r := range rules {
		index[diag.Code(r.ID)] = i
	}
	return rules, index
}

func sarifPlace(f *Finding, file string, line, column int) (l sarifLocation, ok bool) {
	if file != "" {
		l.Physical = &sarifPhysical{Artifact: sarifArtifact{URI: (&url.URL{Path: file}).String()}, Region: sarifRegion{StartLine: max(line, 1), StartColumn: column}}
		if line > 0 && f.Range.End.Line >= line {
			l.Physical.Region.EndLine, l.Physical.Region.EndColumn = f.Range.End.Line, f.Range.End.Column
		}
	}
	if f.Address != "" {
		l.Logical = []sarifLogical{{Name: oneLine(f.Address), Kind: "resource"}}
	}
	return l, file != "" || f.Address != ""
}

// fingerprint identifies a finding across versions of the configuration.
func fingerprint(f *Finding, file string) string {
	h := sha256.New()
	for _, s := range []string{string(f.Code), f.Address, file, f.identity} {
		fmt.Fprintf(h, "%d:%s", len(s), s)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

type sarifLog struct {
	Schema  string     `json:"$schema"`
	Version string     `json:"version"`
	Runs    []sarifRun `json:"runs"`
}

type sarifRun struct {
	Tool    sarifTool     `json:"tool"`
	Results []sarifResult `json:"results"`
	Columns string        `json:"columnKind"`
}

type sarifTool struct {
	Driver sarifDriver `json:"driver"`
}

type sarifDriver struct {
	Name    string      `json:"name"`
	Version string      `json:"version,omitempty"`
	URI     string      `json:"informationUri"`
	Rules   []sarifRule `json:"rules"`
}

type sarifText struct {
	Text string `json:"text"`
}

type sarifRule struct {
	ID      string    `json:"id"`
	Short   sarifText `json:"shortDescription"`
	Help    sarifText `json:"help"`
	Default struct {
		Level string `json:"level"`
	} `json:"defaultConfiguration"`
}

type sarifResult struct {
	Rule         string            `json:"ruleId"`
	Index        int               `json:"ruleIndex"`
	Level        string            `json:"level"`
	Message      sarifText         `json:"message"`
	Locations    []sarifLocation   `json:"locations,omitempty"`
	Fingerprints map[string]string `json:"partialFingerprints"`
}

type sarifLocation struct {
	Physical *sarifPhysical `json:"physicalLocation,omitempty"`
	Logical  []sarifLogical `json:"logicalLocations,omitempty"`
}

type sarifPhysical struct {
	Artifact sarifArtifact `json:"artifactLocation"`
	Region   sarifRegion   `json:"region"`
}

type sarifArtifact struct {
	URI string `json:"uri"`
}

type sarifRegion struct {
	StartLine   int `json:"startLine"`
	StartColumn int `json:"startColumn,omitempty"`
	EndLine     int `json:"endLine,omitempty"`
	EndColumn   int `json:"endColumn,omitempty"`
}

type sarifLogical struct {
	Name string `json:"fullyQualifiedName"`
	Kind string `json:"kind"`
}
