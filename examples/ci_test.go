package examples

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/meshplan/meshplan/internal/testenv"
)

// pipeline runs the shell steps of a template as a build system would: in a repository, with its variables and files.
type pipeline struct {
	*workspace
	temp     string
	comments string // what the stand-in for GitHub's API keeps
	vars     map[string]string
}

// live is the configuration that the repository holds.
const live = `
variable "mode" {
  type    = string
  default = "slow"
}

resource "kubernetes_namespace" "shop" {
  name = "%[1]s"
}

resource "kubernetes_manifest" "settings" {
  manifest = {
    apiVersion = "v1"
    kind       = "ConfigMap"
    metadata   = { name = "settings", namespace = kubernetes_namespace.shop.name }
    data       = { mode = var.mode, note = "@everybody https://evil.example" }
  }
}
`

// gh stands in for GitHub's API as far as the templates use it: comments of one pull request, kept in a file.
const gh = `#!/usr/bin/env bash
set -euo pipefail
method=GET path="" input="" filter="."
shift # api
while [ $# -gt 0 ]; do
  case "$1" in
    --method) method=$2; shift ;;
    --input) input=$2; shift ;;
    --jq) filter=$2; shift ;;
    --paginate | --silent) ;;
    *) path=$1 ;;
  esac
  shift
done
echo "$method $path" >> "$GH_STATE.log"
state=$(cat "$GH_STATE")
case "$method $path" in
  "GET repos/team/shop/commits/"*"/pulls") echo '[{"number":6,"state":"closed"},{"number":7,"state":"open"}]' | jq -r "$filter" ;;
  "GET repos/team/shop/issues/7/comments") jq -r "$filter" <<< "$state" ;;
  "POST repos/team/shop/issues/7/comments")
    jq --slurpfile new "$input" '. + [{id: ((map(.id) | max // 100) + 1), user: {login: "github-actions[bot]"}, body: $new[0].body}]' <<< "$state" > "$GH_STATE" ;;
  "PATCH repos/team/shop/issues/comments/"*)
    jq --slurpfile new "$input" --argjson id "${path##*/}" 'map(if .id == $id then .body = $new[0].body else . end)' <<< "$state" > "$GH_STATE" ;;
  "DELETE repos/team/shop/issues/comments/"*) jq --argjson id "${path##*/}" 'map(select(.id != $id))' <<< "$state" > "$GH_STATE" ;;
  *) echo "unexpected: $method $path" >&2; exit 1 ;;
esac
`

func newPipeline(t *testing.T) *pipeline {
	t.Helper()
	for _, tool := range []string{"bash", "git", "jq", "curl"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("the steps of the templates need %s, which is not here", tool)
		}
	}
	w := newWorkspace(t, "")
	p := &pipeline{workspace: w, temp: t.TempDir(), vars: map[string]string{}}
	p.comments = filepath.Join(p.temp, "comments.json")
	bin := filepath.Join(p.temp, "bin")
	p.write(filepath.Join(bin, "gh"), gh, 0o700)
	p.write(p.comments, `[{"id":1,"user":{"login":"somebody"},"body":"<!-- meshplan:comment v1 key=live class=changes -->\nnot ours"}]`, 0o600)
	script, err := os.ReadFile("ci/github/post-comment.sh")
	if err != nil {
		t.Fatal(err)
	}
	p.write(filepath.Join(w.dir, ".github", "actions", "post-comment.sh"), string(script), 0o700)
	w.env = append(w.env, "PATH="+bin+":"+filepath.Dir(program())+":"+os.Getenv("PATH"), "GH_STATE="+p.comments, "GH_TOKEN=none", "GITHUB_ACTIONS=true", "GITHUB_WORKSPACE="+w.dir,
		"GITHUB_REPOSITORY=team/shop", "GITHUB_SERVER_URL=https://github.example", "GITHUB_RUN_ID=42", "GITHUB_SHA=a1b2c3d4e5f6", "RUNNER_TEMP="+p.temp,
		"GITHUB_EVENT_PATH="+filepath.Join(p.temp, "event.json"), "PULL_REQUEST=7", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@b.example", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@b.example")
	p.write(filepath.Join(p.temp, "event.json"), `{"pull_request":{"number":7}}`, 0o600)
	for name, value := range map[string]string{"runner.temp": p.temp, "github.token": "none", "github.event.pull_request.number": "7",
		"github.event.workflow_run.head_sha": "a1b2c3d4e5f6", "github.event.workflow_run.html_url": "https://github.example/team/shop/actions/runs/41"} {
		p.vars[name] = value
	}
	kubeconfig, err := os.ReadFile(testenv.Kubeconfig(t))
	if err != nil {
		t.Fatal(err)
	}
	p.write(filepath.Join(p.temp, "kubeconfig"), string(kubeconfig), 0o600)
	return p
}

func (p *pipeline) write(file, text string, mode os.FileMode) {
	p.t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), mode); err != nil {
		p.t.Fatal(err)
	}
}

func (p *pipeline) read(name string) string {
	p.t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		p.t.Fatal(err)
	}
	return string(b)
}

// workflow is what matters here of a file of GitHub.
type workflow struct {
	Env  map[string]string
	Jobs map[string]struct {
		Steps []struct {
			Name, Run string
			Env       map[string]string
		}
	}
}

// step runs a step of a workflow as the runner does, expects an exit code, and returns outputs and what was said.
func (p *pipeline) step(file, job, name string, code int) (outputs map[string]string, said string) {
	p.t.Helper()
	var wf workflow
	if err := yaml.Unmarshal([]byte(p.read("ci/github/workflows/"+file)), &wf); err != nil {
		p.t.Fatal(err)
	}
	for _, s := range wf.Jobs[job].Steps {
		if s.Name != name {
			continue
		}
		env := []string{}
		for k, v := range wf.Env {
			env = append(env, k+"="+p.expand(v))
		}
		for k, v := range s.Env {
			env = append(env, k+"="+p.expand(v))
		}
		return p.shell(p.expand(s.Run), env, code)
	}
	p.t.Fatalf("%s: job %s has no step %q with a script", file, job, name)
	return nil, ""
}

// expand fills in the expressions of a template.
func (p *pipeline) expand(s string) string {
	for name, value := range p.vars {
		s = strings.NewReplacer("${{ "+name+" }}", value, "$[[ "+name+" ]]", value).Replace(s)
	}
	if strings.Contains(s, "${{") || strings.Contains(s, "$[[") {
		p.t.Fatalf("the test has no value for an expression in %q", s)
	}
	return s
}

func (p *pipeline) shell(script string, env []string, code int) (outputs map[string]string, said string) {
	p.t.Helper()
	output := filepath.Join(p.t.TempDir(), "output")
	p.write(output, "", 0o600)
	ctx, cancel := context.WithTimeout(p.t.Context(), commandTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", script)
	cmd.Dir = p.dir
	cmd.Env = append(append(append([]string{}, p.env...), "GITHUB_OUTPUT="+output, "GITHUB_STEP_SUMMARY="+filepath.Join(p.temp, "summary")), env...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if got := p.exitCode(cmd, cmd.Run()); got != code {
		p.t.Fatalf("exit code %d, want %d, of\n%s\n%s", got, code, script, out.String())
	}
	outputs = map[string]string{}
	for l := range strings.Lines(p.read(output)) {
		if name, value, ok := strings.Cut(strings.TrimSpace(l), "="); ok {
			outputs[name] = value
		}
	}
	return outputs, out.String()
}

// bodies returns the comments that the workflows have made, and what was asked of the API since the last call.
func (p *pipeline) bodies() (bodies []string, asked string) {
	p.t.Helper()
	var all []struct {
		User struct{ Login string }
		Body string
	}
	if err := json.Unmarshal([]byte(p.read(p.comments)), &all); err != nil {
		p.t.Fatal(err)
	}
	for _, c := range all {
		if c.User.Login == "github-actions[bot]" {
			bodies = append(bodies, c.Body)
		}
	}
	log, _ := os.ReadFile(p.comments + ".log")
	_ = os.Remove(p.comments + ".log")
	for l := range strings.Lines(string(log)) {
		if !strings.HasPrefix(l, "GET ") {
			asked += strings.Fields(l)[0] + " "
		}
	}
	return bodies, strings.TrimSpace(asked)
}

// The workflows' own steps, from a stranger's pull request to the apply after the merge and the drift found later.
func TestWorkflows(t *testing.T) {
	p := newPipeline(t)
	namespace := testenv.Namespace(t) + "-ci"
	file := filepath.Join(p.dir, "live", "shop.mesh.hcl")
	p.write(file, fmt.Sprintf(live, namespace), 0o600)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), commandTimeout)
		defer cancel()
		if out, err := p.command(ctx, "destroy", "--auto-approve", "live").CombinedOutput(); err != nil {
			t.Errorf("cleaning up: %v\n%s", err, out)
		}
	})
	p.shell("git init -q . && git add -A && git commit -qm one && echo >> live/shop.mesh.hcl && git commit -qam two", nil, 0)

	// A stranger: nothing but the configuration.
	p.step("plan.yml", "offline", "Names of the changed files", 0)
	if got := p.read(filepath.Join(p.temp, "changed")); got != "live/shop.mesh.hcl\n" {
		t.Errorf("changed files %q", got)
	}
	p.shell("meshplan fmt live", nil, 0)
	p.step("plan.yml", "offline", "Format and validate", 0)
	outputs, _ := p.step("plan.yml", "offline", "Plan", 0)
	if outputs["creates"] != "2" || outputs["result"] != "changes" {
		t.Errorf("outputs %v", outputs)
	}
	if s := p.read(filepath.Join(p.temp, "summary")); !strings.Contains(s, "### meshplan: 2 changes") || !strings.Contains(s, "Offline") {
		t.Errorf("summary %s", s)
	}
	p.write(filepath.Join(p.temp, "artifact", "offline.plan"), p.read(filepath.Join(p.dir, "offline.plan")), 0o600)
	p.step("meshplan-comment.yml", "comment", "Comment", 0)
	bodies, asked := p.bodies()
	if len(bodies) != 1 || asked != "POST" || !strings.HasPrefix(bodies[0], "<!-- meshplan:comment v1 key=offline class=changes ") || strings.Contains(bodies[0], "](https://evil") {
		t.Fatalf("%s: %v", asked, bodies)
	}
	p.write(filepath.Join(p.temp, "artifact", "offline.plan"), `{"body":"@everybody"}`, 0o600)
	p.step("meshplan-comment.yml", "comment", "Comment", 1)
	if again, asked := p.bodies(); len(again) != 1 || asked != "" {
		t.Errorf("a forged artifact: %s: %v", asked, again)
	}

	// A branch of the repository: with the cluster. The comment is kept up to date, and posted anew when it means something else.
	p.step("plan.yml", "cluster", "Plan", 0)
	p.step("plan.yml", "cluster", "Comment", 0)
	p.step("plan.yml", "cluster", "Plan", 0)
	p.step("plan.yml", "cluster", "Comment", 0)
	bodies, asked = p.bodies()
	if len(bodies) != 2 || asked != "POST PATCH" || !strings.HasPrefix(bodies[1], "<!-- meshplan:comment v1 key=live class=changes sha=a1b2c3d4e5f6 -->\n") {
		t.Fatalf("%s: %v", asked, bodies)
	}

	// After the merge: exactly the plan whose hash was announced.
	outputs, _ = p.step("apply.yml", "plan", "Plan", 0)
	if outputs["changes"] != "2" || len(outputs["plan_sha256"]) != 64 {
		t.Fatalf("outputs %v", outputs)
	}
	p.vars["needs.plan.outputs.plan_sha256"] = strings.Repeat("0", 64)
	if _, said := p.step("apply.yml", "apply", "Apply", 5); !strings.Contains(said, "plan.unexpected") {
		t.Errorf("another plan than announced: %s", said)
	}
	p.vars["needs.plan.outputs.plan_sha256"] = outputs["plan_sha256"]
	if _, said := p.step("apply.yml", "apply", "Apply", 0); !strings.Contains(said, "Apply complete: 2 created") {
		t.Errorf("apply: %s", said)
	}

	// A copy of the state, without its key, serves the plans of strangers.
	p.shell("meshplan state pull --state live/.meshplan/state.db > state.json && mkdir copy && cp live/shop.mesh.hcl copy", nil, 0)
	p.shell("meshplan plan --offline --detailed-exitcode --state state.json copy", []string{"KUBECONFIG=nowhere"}, 0)
	if _, said := p.shell("meshplan plan --offline --detailed-exitcode --state state.json --var mode=fast copy", []string{"KUBECONFIG=nowhere"}, 2); !strings.Contains(said, "0 to create, 1 to update, 0 to replace, 0 to delete") {
		t.Errorf("offline with a copy: %s", said)
	}

	// Nothing to do: the earlier comment says so, in place of another one.
	p.step("plan.yml", "cluster", "Plan", 0)
	p.step("plan.yml", "cluster", "Comment", 0)
	bodies, asked = p.bodies()
	if asked != "POST DELETE" || !strings.Contains(bodies[len(bodies)-1], "class=no-changes") || !strings.Contains(bodies[len(bodies)-1], "### meshplan: no changes") {
		t.Errorf("%s: %v", asked, bodies)
	}

	p.step("drift.yml", "drift", "Drift", 0)
	if _, err := testenv.Dynamic(t).Resource(configMaps).Namespace(namespace).Patch(t.Context(), "settings", types.MergePatchType, []byte(`{"data":{"mode":"by hand"}}`), metav1.PatchOptions{FieldManager: "somebody"}); err != nil {
		t.Fatal(err)
	}
	p.step("drift.yml", "drift", "Drift", 2)

	pipelineOfGitLab(p)
}

// pipelineOfGitLab runs the scripts of the component.
func pipelineOfGitLab(p *pipeline) {
	p.t.Helper()
	var job map[string]struct{ Script []string }
	_, text, _ := strings.Cut(p.read("ci/gitlab/meshplan.gitlab-ci.yml"), "\n---\n")
	if err := yaml.Unmarshal([]byte(text), &job); err != nil {
		p.t.Fatal(err)
	}
	notes := &gitlabNotes{}
	stranger := gitlabNote{ID: 1, Body: "<!-- meshplan:comment v1 key=live class=changes -->\nnot ours"}
	stranger.Author.ID = 6
	notes.notes = []gitlabNote{stranger, stranger, stranger}
	server := httptest.NewServer(notes)
	defer server.Close()
	run := func(name string, code int) string {
		p.t.Helper()
		if len(job[name].Script) == 0 {
			p.t.Fatalf("no job %s", name)
		}
		_, said := p.shell(p.expand(strings.Join(job[name].Script, "\n")), []string{"MESHPLAN_DIR=live", "CI_PROJECT_DIR=" + p.dir,
			"MESHPLAN_COMMENT_TOKEN=secret", "CI_MERGE_REQUEST_IID=7", "CI_PROJECT_ID=3", "CI_API_V4_URL=" + server.URL + "/api/v4"}, code)
		return said
	}
	commented := func(want string, n int, class string) {
		p.t.Helper()
		bodies, asked := notes.took()
		if asked != want || len(bodies) != n || !strings.HasPrefix(bodies[n-1], "<!-- meshplan:comment v1 key=live class="+class+" ") {
			p.t.Errorf("notes: %s, want %s: %q", asked, want, bodies)
		}
	}
	run("meshplan:validate", 0)
	run("meshplan:plan-offline", 0)
	run("meshplan:drift", 2)
	run("meshplan:plan", 0)
	if got := p.read(filepath.Join(p.dir, "gl-terraform.json")); got != `{"create":0,"delete":0,"update":1}`+"\n" {
		p.t.Errorf("GitLab's report is %s", got)
	}
	commented("POST", 1, "changes")
	run("meshplan:plan", 0)
	commented("PUT", 1, "changes")
	if said := run("meshplan:apply", 0); !strings.Contains(said, "1 updated") {
		p.t.Errorf("apply: %s", said)
	}
	run("meshplan:drift", 0)
	run("meshplan:plan", 0)
	commented("POST DELETE", 1, "no-changes")
}
