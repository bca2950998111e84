package ci

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/meshplan/meshplan/plans"
)

// Outputs writes what GitHub's workflows read as outputs of a step: the counts of a plan, what it means, and its hash.
// A plan that failed has no counts. Nothing in it comes from a configuration.
func Outputs(w io.Writer, p *plans.Plan, hash string) error {
	if p == nil {
		_, err := fmt.Fprintf(w, "result=%s\n", Failed)
		return err
	}
	n := p.Counts()
	_, err := fmt.Fprintf(w, "result=%s\nchanges=%d\ncreates=%d\nupdates=%d\nreplaces=%d\ndeletes=%d\ndrift=%d\nplan_sha256=%s\n",
		ClassOf(p), n.Total(), n.Create, n.Update, n.Replace, n.Delete, len(p.Drift), hash)
	return err
}

// GitLab writes the report that GitLab shows in merge requests (artifacts:reports:terraform). As in Terraform's own, a
// replacement counts as a creation and a deletion.
func GitLab(w io.Writer, p *plans.Plan) error {
	n := p.Counts()
	return json.NewEncoder(w).Encode(map[string]int{"create": n.Create + n.Replace, "update": n.Update, "delete": n.Delete + n.Replace})
}
