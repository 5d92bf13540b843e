package architecture_test

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
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

// Somebody who looks a key up finds it, with the path that faults are reported under.
func TestConfigurationKeys_AllDocumented(t *testing.T) {
	example, err := os.ReadFile(filepath.Join(root, "config.example.yaml"))
	require.NoError(t, err)
	page, err := os.ReadFile(filepath.Join(root, "docs", "configuration.md"))
	require.NoError(t, err)
	keys := configKeys(t, string(example))
	require.Contains(t, keys, "kafka.sasl.mechanism")
	require.Contains(t, keys, "contact_centers[].surfaces.clarity.token_lifetime", "what is commented out belongs to it")
	for _, key := range keys {
		require.Contains(t, string(page), "`"+key+"`", "docs/configuration.md does not tell of %s", key)
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

var commentedKey = regexp.MustCompile(`(?m)^#( +(?:- )?[a-z_0-9]+:)`)

// configKeys are the paths of all keys of the example, those of commented-out examples included; lists are written as [].
func configKeys(t *testing.T, text string) []string {
	t.Helper()
	// An empty list in front of its example gives way to the example.
	text = regexp.MustCompile(`(?m)^( *[a-z_]+:) \[\]\n(# +- )`).ReplaceAllString(text, "$1\n$2")
	text = commentedKey.ReplaceAllString(text, "$1")
	var doc map[string]any
	require.NoError(t, yaml.Unmarshal([]byte(text), &doc))
	found := map[string]bool{}
	collect(doc, "", found)
	return slices.Sorted(maps.Keys(found))
}

func collect(v any, at string, found map[string]bool) {
	switch v := v.(type) {
	case map[string]any:
		for key, inner := range v {
			sub := strings.TrimPrefix(at+"."+key, ".")
			if isLeaf(inner) {
				found[sub] = true
				continue
			}
			collect(inner, sub, found)
		}
	case []any:
		for _, inner := range v {
			collect(inner, at+"[]", found)
		}
	}
}

// isLeaf tells values from what holds further keys.
func isLeaf(v any) bool {
	if list, ok := v.([]any); ok {
		return len(list) == 0 || reflect.TypeOf(list[0]).Kind() != reflect.Map
	}
	_, ok := v.(map[string]any)
	return !ok
}
