package clarity

import (
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2/utils"

	"floorwalker/query/problem"
	"floorwalker/query/route"
)

// args are a request's parameters by name in lower case: names count in any case, of one given twice the first.
type args map[string]string

func readArgs(raw string) (args, error) {
	out := args{}
	return out, out.read(raw)
}

func (a args) read(raw string) error {
	for part := range strings.SplitSeq(utils.CopyString(raw), "&") {
		name, value, _ := strings.Cut(part, "=")
		name, err := url.QueryUnescape(name)
		if err == nil {
			value, err = url.QueryUnescape(value)
		}
		if err != nil || !utf8.ValidString(name) || !utf8.ValidString(value) {
			return problem.New(400, "bad_parameter", "the query string is not valid percent-encoded UTF-8")
		}
		name = strings.ToLower(strings.TrimSpace(name))
		if _, known := a[name]; !known && name != "" {
			a[name] = value
		}
	}
	return nil
}

// text is the first of several names that was given and is not empty.
func (a args) text(names ...string) string {
	for _, name := range names {
		if v := strings.TrimSpace(a[strings.ToLower(name)]); v != "" {
			return v
		}
	}
	return ""
}

// items are the parts of a comma list; given is false where the parameter is missing or empty.
func (a args) items(names ...string) (items []string, given bool) {
	for item := range strings.SplitSeq(a.text(names...), ",") {
		if item = strings.TrimSpace(item); item != "" {
			items = append(items, item)
		}
	}
	return items, items != nil
}

// flag is true or false, standard where it is missing.
func (a args) flag(name string, standard bool) (bool, error) {
	v := a.text(name)
	if v == "" {
		return standard, nil
	}
	b, err := strconv.ParseBool(strings.ToLower(v))
	if err != nil {
		return false, problem.BadValue(name, v, "true, false")
	}
	return b, nil
}

// segment is a part of the path.
func (c *call) segment(name string) string {
	v, _ := route.PathValue(c.Ctx, name) // the frame has checked it
	return v
}
