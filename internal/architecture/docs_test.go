package architecture_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"floorwalker/schema"
	"floorwalker/schema/metric"
)

// link finds [text](target); images look alike.
var link = regexp.MustCompile(`\]\(([^)\s]+)\)`)

// A reader who follows a link of the documentation arrives, headings included, and never leaves the clone by a relative path.
func TestRelativeLinks_Resolve(t *testing.T) {
	files := documents(t)
	require.Greater(t, len(files), 8)
	links := 0
	for _, file := range files {
		for _, m := range link.FindAllStringSubmatch(prose(t, file), -1) {
			if strings.Contains(m[1], "://") || strings.HasPrefix(m[1], "mailto:") {
				continue
			}
			links++
			checkLink(t, file, m[1])
		}
	}
	require.Greater(t, links, 30)
}

func checkLink(t *testing.T, file, target string) {
	t.Helper()
	name, heading, _ := strings.Cut(target, "#")
	to := file
	if name != "" {
		to = filepath.Join(filepath.Dir(file), filepath.FromSlash(name))
	}
	inside, err := filepath.Rel(root, to)
	require.NoError(t, err)
	require.False(t, strings.HasPrefix(inside, ".."), "%s links to %s, which lies outside of the clone", file, target)
	_, err = os.Stat(to)
	require.NoError(t, err, "%s links to %s", file, target)
	if heading != "" && strings.HasSuffix(to, ".md") {
		require.Contains(t, headings(prose(t, to)), heading, "%s links to %s: no such heading", file, target)
	}
}

func TestHeadings_NamedAsTheirLinksAre(t *testing.T) {
	for text, want := range map[string][]string{
		"# The cloud's events, 1.0\ntext": {"the-clouds-events-10"},
		"## What `cc.topic` is\n":         {"what-cctopic-is"},
		"## Twice\n## Twice\n#no\n":       {"twice", "twice-1"},
	} {
		require.Equal(t, want, headings(text))
	}
}

// The dictionary of event types and directory kinds is complete.
func TestEventContract_NamesEveryKind(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(root, "docs", "events.md"))
	require.NoError(t, err)
	for _, kind := range schema.DirectoryKinds() {
		require.Contains(t, string(page), "`"+kind+"`", "docs/events.md does not tell of the directory kind %s", kind)
	}
	for _, channel := range schema.ChannelNames() {
		require.Contains(t, string(page), "`"+channel+"`", "docs/events.md does not tell of the channel %s", channel)
	}
	for _, status := range schema.StatusNames() {
		require.Contains(t, string(page), "`"+status+"`", "docs/events.md does not tell of the status %s", status)
	}
}

// The dictionary tells of every metric that the catalogue has.
func TestMetricDictionary_NamesEveryKey(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(root, "docs", "metrics.md"))
	require.NoError(t, err)
	for _, m := range metric.NewCatalogue().All() {
		require.Contains(t, string(page), "`"+m.Key+"`", "docs/metrics.md does not tell of %s", m.Key)
	}
}

// documents are the Markdown files of the clone.
func documents(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, "*.md"))
	require.NoError(t, err)
	err = filepath.WalkDir(filepath.Join(root, "docs"), func(name string, d fs.DirEntry, err error) error {
		if err == nil && filepath.Ext(name) == ".md" {
			files = append(files, name)
		}
		return err
	})
	require.NoError(t, err)
	return files
}

var fence = regexp.MustCompile("(?ms)^```.*?^```")

// prose is a document without its code blocks.
func prose(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	return fence.ReplaceAllString(string(text), "")
}

var (
	headline = regexp.MustCompile(`(?m)^#{1,6} +(.+?) *$`)
	dropped  = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

// headings are the anchors of a document's headings.
func headings(text string) []string {
	var out []string
	seen := map[string]int{}
	for _, m := range headline.FindAllStringSubmatch(text, -1) {
		anchor := strings.ReplaceAll(strings.ToLower(dropped.ReplaceAllString(m[1], "")), " ", "-")
		if n := seen[anchor]; n > 0 {
			out = append(out, anchor+"-"+string(rune('0'+n)))
		} else {
			out = append(out, anchor)
		}
		seen[anchor]++
	}
	return out
}
