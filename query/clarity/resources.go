package clarity

import (
	"context"
	"log/slog"
	"strings"
	"unicode"
	"unicode/utf8"

	"floorwalker/query/problem"
)

// localization answers the texts of a locale: those of the catalogue in English, the directory's over them; of other locales the
// directory's alone.
func localization(c *call) error {
	locale := c.segment("locale")
	var out map[string]string
	if strings.EqualFold(locale, defaultLocale) {
		out = english()
	}
	for id, l := range c.v.Directory.Locales {
		if !strings.EqualFold(id, locale) {
			continue
		}
		if out == nil {
			out = map[string]string{}
		}
		for name, text := range l.Strings {
			out[name] = text
		}
	}
	if out == nil {
		return problem.New(404, "locale_not_found", "there are no texts of the locale "+problem.Shown(locale))
	}
	return c.answer(out)
}

// english has three texts of each metric, in the specification's manner.
func english() map[string]string {
	out := map[string]string{}
	for _, name := range append(agentMetricNames(), queueMetricNames()...) {
		title := titleOf(name)
		out[name], out[name+"Description"], out[name+"Short"] = title, title, title+" Short"
	}
	return out
}

// titleOf takes a camelCase name apart: abandonedAfterSLACount is Abandoned After SLA Count.
func titleOf(name string) string {
	var out strings.Builder
	runes := []rune(name)
	for i, r := range runes {
		lowerBefore := i > 0 && unicode.IsLower(runes[i-1])
		lowerAfter := i > 0 && i+1 < len(runes) && unicode.IsLower(runes[i+1])
		if unicode.IsUpper(r) && i > 0 && (lowerBefore || lowerAfter) {
			out.WriteByte(' ')
		}
		if i == 0 {
			r = unicode.ToUpper(r)
		}
		out.WriteRune(r)
	}
	return out.String()
}

func specificServer(c *call) error {
	return c.answer(c.api.base(c.Ctx) + "/webapi")
}

// clientLevels are the levels that clients name; every other one is debug.
var clientLevels = map[string]slog.Level{"verbose": slog.LevelDebug, "debug": slog.LevelDebug, "info": slog.LevelInfo, "information": slog.LevelInfo, "warn": slog.LevelWarn,
	"warning": slog.LevelWarn, "error": slog.LevelError, "fatal": slog.LevelError, "critical": slog.LevelError}

// maxLogged bounds what a client can write in one line of the log, in bytes.
const maxLogged = 4096

func clientLog(c *call) error {
	message := c.args.text("message")
	if message == "" {
		return problem.Parameter("message", "message must not be empty")
	}
	level, ok := clientLevels[strings.ToLower(c.args.text("logLevel"))]
	if !ok {
		level = slog.LevelDebug
	}
	component := c.args.text("component")
	if component == "" {
		component = "other"
	}
	c.api.Log.Log(context.Background(), level, "client log", "contact_center", c.v.ContactCenter, "agent", c.me.ID, "component", bounded(component, 64),
		"session", bounded(c.args.text("sessionId"), 64), "message", bounded(message, maxLogged))
	return c.answer(nil)
}

// bounded cuts a text at a rune's boundary.
func bounded(s string, most int) string {
	if len(s) <= most {
		return s
	}
	for most > 0 && !utf8.RuneStart(s[most]) {
		most--
	}
	return s[:most]
}
