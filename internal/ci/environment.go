package ci

import "strings"

// Environment is what a build system tells its steps.
type Environment struct {
	// Output and Summary are files of GitHub's workflows that a step appends to; "" elsewhere.
	Output, Summary string
	// RunURL is the page of the run, Revision the commit that is built; "" when nobody says.
	RunURL, Revision string
}

// Detect reads the environment of GitHub's workflows and of GitLab's pipelines.
func Detect(getenv func(string) string) Environment {
	e := Environment{Output: getenv("GITHUB_OUTPUT"), Summary: getenv("GITHUB_STEP_SUMMARY")}
	server, repository, run := getenv("GITHUB_SERVER_URL"), getenv("GITHUB_REPOSITORY"), getenv("GITHUB_RUN_ID")
	if server != "" && repository != "" && run != "" {
		e.RunURL = strings.TrimSuffix(server, "/") + "/" + repository + "/actions/runs/" + run
	}
	e.Revision = getenv("GITHUB_SHA")
	if url := getenv("CI_JOB_URL"); url != "" {
		e.RunURL, e.Revision = url, getenv("CI_COMMIT_SHA")
	}
	return e
}
