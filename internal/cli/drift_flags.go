package cli

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/meshplan/meshplan/internal/alarm"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
)

// driftFlags say what becomes of what drift finds.
type driftFlags struct {
	exitCode     int
	alarmPending bool
	acknowledge  []string
	template     string
	remember     string
	remindDays   int
	webhook      string
	webhookFile  string
	secretFile   string
	slack        string // the form of messages: generic or slack
	link         string
	textfile     string
	pushgateway  string
	labels       []string
}

const (
	formGeneric = "generic"
	formSlack   = "slack"
)

func (f *driftFlags) add(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.IntVar(&f.exitCode, "drift-exit-code", exitChanges, "exit with `n` when something alarms; 0 leaves that to messages and metrics")
	fs.BoolVar(&f.alarmPending, "alarm-on-pending", false, "changes of the configuration that have not been applied alarm as well")
	fs.StringArrayVar(&f.acknowledge, "acknowledge", nil, "read from a `file` what is known and may stay until a date; may be repeated")
	fs.StringVar(&f.template, "acknowledge-template", "", "write an entry for everything that alarms to a new `file`, for people to complete")
	fs.StringVar(&f.remember, "remember", "", "`place` that keeps what was told last: file:PATH or configmap:NAMESPACE/NAME. The same drift is told once then")
	fs.IntVar(&f.remindDays, "remind-days", 7, "tell the same drift again after `n` days; 0 means never")
	fs.StringVar(&f.webhook, "webhook", "", "tell what is new, changed or resolved to this `URL`")
	fs.StringVar(&f.webhookFile, "webhook-file", "", "read the URL of the webhook from a `file`, because it is secret")
	fs.StringVar(&f.secretFile, "webhook-secret-file", "", "sign messages with the secret in a `file` (or in MESHPLAN_WEBHOOK_SECRET)")
	fs.StringVar(&f.slack, "webhook-format", formGeneric, "`form` of the messages: generic (JSON) or slack")
	fs.StringVar(&f.link, "link", "", "`URL` that messages refer to, for instance of the job or its report")
	fs.StringVar(&f.textfile, "metrics-textfile", "", "write metrics to a `file` for the textfile collector of the node exporter")
	fs.StringVar(&f.pushgateway, "pushgateway", "", "push metrics to the Pushgateway at this `URL`")
	fs.StringArrayVar(&f.labels, "metrics-label", nil, "add a label to all metrics, as in `name=value`: it tells rollouts apart; may be repeated")
	completeWords(cmd, "webhook-format", formGeneric, formSlack)
}

var labelName = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*$`)

// check refuses values that cannot be meant.
func (f *driftFlags) check() error {
	switch {
	case f.exitCode < 0 || f.exitCode > 255:
		return fmt.Errorf("--drift-exit-code must be between 0 and 255, not %d", f.exitCode)
	case f.remindDays < 0:
		return fmt.Errorf("--remind-days must not be negative")
	case f.slack != formGeneric && f.slack != formSlack:
		return fmt.Errorf("--webhook-format must be %s or %s, not %q", formGeneric, formSlack, f.slack)
	case f.webhook != "" && f.webhookFile != "":
		return errors.New("--webhook and --webhook-file contradict each other")
	case f.link != "":
		if _, err := alarm.ParseURL(f.link); err != nil {
			return fmt.Errorf("--link: %w", err)
		}
	}
	for name, given := range map[string]string{"webhook": f.webhook, "pushgateway": f.pushgateway} {
		if given != "" {
			if _, err := alarm.ParseURL(given); err != nil {
				return fmt.Errorf("--%s: %w", name, err) // without the URL, which may hold a secret
			}
		}
	}
	for _, l := range f.labels {
		name, value, ok := strings.Cut(l, "=")
		if !ok || !labelName.MatchString(name) || strings.HasPrefix(name, "__") || value == "" || name == "job" || name == "kind" || name == "class" {
			return fmt.Errorf("--metrics-label %s: write it as name=value; the names job, kind and class are taken", l)
		}
	}
	_, err := f.keeper(nil)
	return err
}

func (f *driftFlags) metricLabels() map[string]string {
	out := map[string]string{}
	for _, l := range f.labels {
		name, value, _ := strings.Cut(l, "=")
		out[name] = value
	}
	return out
}

// keeper returns what keeps the memory; nil when nothing does. Pool makes connections; nil only checks the flag.
func (f *driftFlags) keeper(pool func() *kube.Pool) (alarm.Keeper, error) {
	kind, place, _ := strings.Cut(f.remember, ":")
	switch {
	case f.remember == "":
		return nil, nil
	case kind == "file" && place != "":
		return alarm.File(place), nil
	case kind == "configmap":
		namespace, name, ok := strings.Cut(place, "/")
		if !ok || namespace == "" || name == "" || strings.Contains(name, "/") {
			break
		}
		if pool == nil {
			return nil, nil
		}
		return pool().Cluster(kube.Connection{}).Note(namespace, name, "drift.json"), nil
	}
	return nil, fmt.Errorf("--remember %s: write it as file:PATH or configmap:NAMESPACE/NAME", f.remember)
}

// hook returns the webhook; nil when there is none.
func (f *driftFlags) hook(a *app) (*alarm.Webhook, error) {
	h := &alarm.Webhook{URL: f.webhook, Slack: f.slack == formSlack, UserAgent: "meshplan/" + readVersion().Version, Now: a.now, Secret: []byte(a.getenv("MESHPLAN_WEBHOOK_SECRET"))}
	if f.webhookFile != "" {
		text, err := readSecret(f.webhookFile)
		if err != nil {
			return nil, fmt.Errorf("the URL of the webhook: %w", err)
		}
		h.URL = text
	}
	if h.URL == "" {
		return nil, nil
	}
	if f.secretFile != "" {
		text, err := readSecret(f.secretFile)
		if err != nil {
			return nil, fmt.Errorf("the secret of the webhook: %w", err)
		}
		h.Secret = []byte(text)
	}
	return h, nil
}

// readSecret reads a file that holds one line.
func readSecret(file string) (string, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	text := strings.TrimSpace(string(b))
	if text == "" {
		return "", fmt.Errorf("the file %s is empty", file)
	}
	return text, nil
}

// remindAfter is how long the same drift stays quiet.
func (f *driftFlags) remindAfter() time.Duration { return time.Duration(f.remindDays) * 24 * time.Hour }
