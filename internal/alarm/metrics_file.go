package alarm

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// maxTextfileBytes bounds what is read of a file of metrics: ours has a few kilobytes.
const maxTextfileBytes = 4 << 20

// WriteTextfile writes metrics into a file for the textfile collector of the node exporter, at once, so that no reader
// sees half of them. What the measurement does not know keeps its former value; labels are added to every series.
func WriteTextfile(path string, m Measurement, labels map[string]string) error {
	now, err := labelled(m.Gatherer(), labels).Gather()
	if err != nil {
		return err
	}
	known := map[string]bool{}
	for _, f := range now {
		known[f.GetName()] = true
	}
	before, err := readTextfile(path)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(before)) {
		if !known[name] && (m.Outcome != Looked || name == lastSuccess) {
			now = append(now, before[name])
		}
	}
	slices.SortFunc(now, func(a, b *dto.MetricFamily) int { return bytes.Compare([]byte(a.GetName()), []byte(b.GetName())) })
	return prometheus.WriteToTextfile(path, prometheus.GathererFunc(func() ([]*dto.MetricFamily, error) { return now, nil }))
}

// lastSuccess is the one family that outlives every look without success.
const lastSuccess = prefix + "last_success_timestamp_seconds"

// readTextfile returns the metrics of this program in a file. One that is not there or that cannot be understood has
// none; it is written anew.
func readTextfile(path string) (map[string]*dto.MetricFamily, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is no regular file", path)
	case info.Size() > maxTextfileBytes:
		return nil, nil
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(b))
	if err != nil {
		return nil, nil // damaged, or not ours: it is written anew
	}
	return families, nil
}

// labelled adds labels to every series. A label that a series has already keeps the series' value.
func labelled(g prometheus.Gatherer, labels map[string]string) prometheus.Gatherer {
	return prometheus.GathererFunc(func() ([]*dto.MetricFamily, error) {
		families, err := g.Gather()
		for _, f := range families {
			for _, m := range f.Metric {
				has := map[string]bool{}
				for _, l := range m.Label {
					has[l.GetName()] = true
				}
				for _, name := range slices.Sorted(maps.Keys(labels)) {
					if value := labels[name]; !has[name] {
						m.Label = append(m.Label, &dto.LabelPair{Name: &name, Value: &value})
					}
				}
				slices.SortFunc(m.Label, func(a, b *dto.LabelPair) int { return bytes.Compare([]byte(a.GetName()), []byte(b.GetName())) })
			}
		}
		return families, err
	})
}
