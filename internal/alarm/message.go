package alarm

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/meshplan/meshplan/internal/diag"
)

// Message is what is told: the generic form of a notification. It holds names and kinds of changes, and no values.
type Message struct {
	// Format is the version of this form.
	Format int `json:"format"`
	// ID is the same in every attempt to deliver the message.
	ID    string    `json:"id"`
	Event string    `json:"event"` // new, changed, resolved, reminder
	Title string    `json:"title"`
	At    time.Time `json:"at"`
	Since time.Time `json:"since,omitzero"` // when the first alarm of this spell appeared
	// Fingerprint stands for the set of Items.
	Fingerprint string `json:"fingerprint"`
	Items       []Item `json:"items"`
	New         []Item `json:"new"`
	Resolved    []Item `json:"resolved"`
	// Counts are the sizes of the three lists, which leave out what is too much.
	Counts       Counts `json:"counts"`
	Objects      int    `json:"objects"` // that the items are about
	Acknowledged int    `json:"acknowledged"`
	Pending      int    `json:"pending"`
	// Incomplete says that not everything could be read.
	Incomplete bool              `json:"incomplete"`
	Clusters   map[string]string `json:"clusters,omitempty"`
	Directory  string            `json:"directory,omitempty"`
	Lineage    string            `json:"lineage,omitempty"`
	Link       string            `json:"link,omitempty"`
}

// Counts are the sizes of the lists of a message.
type Counts struct {
	Items    int `json:"items"`
	New      int `json:"new"`
	Resolved int `json:"resolved"`
}

// messageFormat is the version of Message.
const messageFormat = 1

// maxListed bounds each list of items in a message.
const maxListed = 100

// NewMessage tells a difference. The caller adds what else it knows.
func NewMessage(d Difference, id, fingerprint string, at time.Time) Message {
	m := Message{Format: messageFormat, ID: id, Event: d.Event.String(), At: at.UTC(), Since: d.Since, Fingerprint: fingerprint, Objects: Objects(d.Items),
		Items: listed(d.Items), New: listed(d.New), Resolved: listed(d.Old), Counts: Counts{len(d.Items), len(d.New), len(d.Old)}}
	switch d.Event {
	case Resolved:
		m.Title = "Drift resolved"
	case Reminder:
		m.Title = fmt.Sprintf("Still drifted: %s", count(m.Objects, "object"))
	case Altered:
		m.Title = fmt.Sprintf("Drift changed: %s", count(m.Objects, "object"))
	default:
		m.Title = fmt.Sprintf("Drift: %s", count(m.Objects, "object"))
	}
	return m
}

// listed returns the items that a message lists: never null, and not too many.
func listed(items []Item) []Item { return append([]Item{}, items[:min(len(items), maxListed)]...) }

// Objects counts the objects that items are about.
func Objects(items []Item) int {
	seen := map[string]bool{}
	for _, i := range items {
		name := i.Address
		if name == "" {
			name = " " + i.Path
		}
		seen[name] = true
	}
	return len(seen)
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// JSON returns the generic form.
func (m Message) JSON() ([]byte, error) { return json.Marshal(m) }

// maxSlack is how many characters Slack shows of one text.
const maxSlack = 3000

// Slack returns the form that Slack's incoming webhooks read, and those of Mattermost and Rocket.Chat. Names come from
// clusters, so anybody may have chosen them: they can neither format, nor link, nor call anybody.
func (m Message) Slack() ([]byte, error) {
	w := &slackText{}
	w.line("*%s*%s", slackPlain(m.Title), where(m))
	if !m.Since.IsZero() && m.Event != Resolved.String() && m.Event != Appeared.String() {
		w.line("Since %s.", m.Since.UTC().Format("2006-01-02 15:04 UTC"))
	}
	if m.Incomplete {
		w.line("Not everything could be read: there may be more.")
	}
	tail := []string{}
	if m.Acknowledged > 0 || m.Pending > 0 {
		tail = append(tail, fmt.Sprintf("%d acknowledged, %d pending.", m.Acknowledged, m.Pending))
	}
	if link := slackLink(m.Link); link != "" {
		tail = append(tail, link)
	}
	w.room = maxSlack
	for _, t := range tail {
		w.room -= len([]rune(t)) + 1
	}
	show, of, sign := m.New, m.Counts.New, "+ "
	if len(m.New) == 0 && m.Event != Resolved.String() {
		show, of, sign = m.Items, m.Counts.Items, "• "
	}
	left := of + m.Counts.Resolved - w.items(sign, show) - w.items("✓ ", m.Resolved)
	if left > 0 {
		w.line("… and %d more.", left)
	}
	for _, t := range tail {
		w.line("%s", t)
	}
	return json.Marshal(map[string]any{"text": w.b.String(), "unfurl_links": false, "unfurl_media": false})
}

func where(m Message) string {
	if m.Directory == "" {
		return ""
	}
	return " in " + slackCode(m.Directory)
}

// slackText grows by whole lines. Items are written while there is room.
type slackText struct {
	b    strings.Builder
	size int
	room int
}

// slackReserve is kept for the line that counts what was left out.
const slackReserve = 40

func (w *slackText) line(format string, args ...any) {
	s := fmt.Sprintf(format, args...)
	if w.b.Len() > 0 {
		w.b.WriteByte('\n')
		w.size++
	}
	w.b.WriteString(s)
	w.size += len([]rune(s))
}

// items writes a line for each item while there is room, and returns how many it wrote.
func (w *slackText) items(sign string, items []Item) int {
	for n, i := range items {
		name, what := i.Address, i.Kind
		switch {
		case name == "":
			name = i.Path
		case i.Path != "":
			what = i.Kind + " " + slackCode(i.Path)
		}
		s := sign + slackCode(name) + " " + what
		if w.size+len([]rune(s))+1 > w.room-slackReserve {
			return n
		}
		w.line("%s", s)
	}
	return len(items)
}

// slackPlain escapes the three characters that Slack gives a meaning to.
func slackPlain(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(strings.ReplaceAll(diag.Scrub(s), "\n", " "))
}

// maxName is how many characters of a name a message shows.
const maxName = 200

// slackCode writes a name as code: nothing in it is formatted, linked or called then, also by services that copy Slack.
func slackCode(s string) string {
	if r := []rune(s); len(r) > maxName {
		s = string(r[:maxName]) + "…"
	}
	s = strings.ReplaceAll(slackPlain(s), "`", "'")
	if strings.TrimSpace(s) == "" {
		s = "?"
	}
	return "`" + s + "`"
}

// slackLink writes a link that whoever runs the program has chosen.
func slackLink(s string) string {
	if s == "" || strings.ContainsAny(s, "<>|\n\r ") {
		return ""
	}
	return "<" + strings.ReplaceAll(s, "&", "&amp;") + "|Report>"
}
