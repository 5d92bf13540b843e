package alert

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"floorwalker/query/floor"
	"floorwalker/schema"
	"floorwalker/schema/metric"
)

// bench evaluates second by second, without goroutines: what it proposes is read back at once.
type bench struct {
	*world
	topic *memory
	e     *evaluation
	read  int
}

func newBench(t require.TestingT, w *world, topic *memory) *bench {
	n := newNode(t, w, topic, nil, WebhookConfig{})
	n.Alerts.cfg.Interval = time.Second
	b := &bench{world: w, topic: topic, e: newEvaluation(n.Alerts, newBook(), func(string) bool { return true })}
	b.back(t)
	return b
}

func (b *bench) back(t require.TestingT) {
	for ; b.read < len(b.topic.records); b.read++ {
		_, err := b.e.book.apply(b.topic.records[b.read].Key, b.topic.records[b.read].Value)
		require.NoError(t, err)
	}
}

// second evaluates once, a second later, and returns what happened to be told.
func (b *bench) second(t require.TestingT) []string {
	b.pass(time.Second)
	before := len(b.topic.told(t))
	messages, err := b.e.propose(b.clock())
	require.NoError(t, err)
	if len(messages) > 0 {
		_, err = b.topic.Write(context.Background(), messages)
		require.NoError(t, err)
	}
	b.back(t)
	return states(b.topic.told(t)[before:])
}

func (b *bench) seconds(t require.TestingT, n int) (out []string) {
	for range n {
		out = append(out, b.second(t)...)
	}
	return out
}

func TestRule_HoldsForItsSeconds_TriggeredActiveClearedOnceEach(t *testing.T) {
	b := newBench(t, newWorld(), newMemory())
	b.rule(t, "r", tooMany)
	b.wait(11)
	require.Empty(t, b.seconds(t, 3), "seen at 0, 1 and 2 s")
	require.Equal(t, []string{"triggered"}, b.second(t))
	require.Equal(t, []string{"active"}, b.second(t))
	require.Empty(t, b.seconds(t, 20))
	b.wait(5)
	require.Equal(t, []string{"cleared"}, b.second(t))
	require.Empty(t, b.seconds(t, 20))
	a := b.topic.told(t)[2]
	require.Equal(t, schema.AlertConditionOver, a.Reason)
	require.Equal(t, 5., a.Value)
	require.Equal(t, []int64{3000, 4000, 25000}, []int64{a.Triggered - a.Since, a.Active - a.Since, a.Cleared - a.Since})
	require.Equal(t, "waiting of queue q over 5m is 5, threshold > 10", Text(&a))
}

func TestRule_InterruptedBeforeItsSeconds_NotTriggered(t *testing.T) {
	b := newBench(t, newWorld(), newMemory())
	b.rule(t, "r", tooMany)
	for range 5 {
		b.wait(11)
		require.Empty(t, b.seconds(t, 3))
		b.wait(10)
		require.Empty(t, b.second(t))
	}
}

func TestRule_Hysteresis_ClearsOnlyBeyondTheClearThreshold(t *testing.T) {
	b := newBench(t, newWorld(), newMemory())
	b.rule(t, "r", tooMany)
	b.wait(11)
	require.Equal(t, []string{"triggered", "active"}, b.seconds(t, 5))
	b.wait(6)
	require.Empty(t, b.seconds(t, 10))
	b.wait(5)
	require.Equal(t, []string{"cleared"}, b.seconds(t, 2))
}

func TestRule_OverAtTheNextEvaluation_NeverActive(t *testing.T) {
	b := newBench(t, newWorld(), newMemory())
	b.rule(t, "r", tooMany)
	b.wait(11)
	require.Equal(t, []string{"triggered"}, b.seconds(t, 4))
	b.wait(0)
	require.Equal(t, []string{"cleared"}, b.seconds(t, 5))
}

// While the figures are not known nothing changes, and the time does not count.
func TestRule_FiguresUnknown_NothingChanges(t *testing.T) {
	for name, blind := range map[string]func(w *world, on bool){
		"windows unknown":  func(w *world, on bool) { w.unknown = on; w.now = w.now.Add(time.Hour) }, // past what is kept of them
		"view catching up": func(w *world, on bool) { w.behind = map[bool]time.Duration{true: time.Minute}[on] },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, newWorld(), newMemory())
			b.rule(t, "r", tooMany)
			b.wait(11)
			require.Empty(t, b.seconds(t, 2))
			b.set(func(w *world) { blind(w, true) })
			require.Empty(t, b.seconds(t, 30))
			b.set(func(w *world) { blind(w, false) })
			require.Empty(t, b.second(t))
			require.Equal(t, []string{"triggered", "active"}, b.seconds(t, 4))
			b.set(func(w *world) { blind(w, true); w.waiting = 0 })
			require.Empty(t, b.seconds(t, 30))
			b.set(func(w *world) { blind(w, false) })
			require.Equal(t, []string{"cleared"}, b.seconds(t, 3))
		})
	}
}

// Null neither triggers nor clears: here a service level over no traffic.
func TestRule_NullFigure_NeitherTriggersNorClears(t *testing.T) {
	w := newWorld()
	b := newBench(t, w, newMemory())
	b.rule(t, "r", `{"metric":"service_level","scope":{},"window":"5m","comparison":"<","threshold":0.8,"for_seconds":0,"severity":"warning"}`)
	require.Empty(t, b.seconds(t, 5))
	r, err := compile(w.catalogue, b.e.a.deps.Webhooks, schema.AlertRule{ID: "r", Metric: "service_level", Window: "5m", Comparison: ">", Threshold: 0.8, Severity: "info"})
	require.NoError(t, err)
	open := &entry{alert: schema.Alert{ContactCenter: center, ID: "x", Origin: "x", Seq: 1, State: schema.AlertActive, Rule: r.AlertRule, Triggered: 1, Active: 2}}
	now := w.clock().UnixMilli()
	_, changed := b.e.step("6/r", open, r, figure{known: true}, now)
	require.False(t, changed)
	_, changed = b.e.step("6/r", open, r, figure{known: true, ok: true}, now)
	require.True(t, changed, "0 is a figure")
}

// Nobody waits: the longest wait is null, and that is news.
func TestRule_LongestWait_ClearsWhenNobodyWaits(t *testing.T) {
	b := newBench(t, newWorld(), newMemory())
	b.rule(t, "r", `{"metric":"longest_wait_ms","scope":{"queue":["q"]},"window":"5m","comparison":">=","threshold":60000,"for_seconds":0,"severity":"critical"}`)
	b.wait(1)
	require.Equal(t, []string{"triggered", "active"}, b.seconds(t, 3))
	b.wait(0)
	require.Equal(t, []string{"cleared"}, b.seconds(t, 2))
}

func TestRule_OutOfScope_NotTriggered(t *testing.T) {
	b := newBench(t, newWorld(), newMemory())
	b.rule(t, "r", strings.Replace(tooMany, `"q"`, `"other"`, 1))
	b.wait(11)
	require.Empty(t, b.seconds(t, 10))
}

func TestRule_ChangedOrDeleted_ClearedWithTheReason(t *testing.T) {
	for reason, change := range map[string]func(b *bench){
		schema.AlertRuleDeleted:                        func(b *bench) { b.rule(t, "r", "") },
		schema.AlertRuleChanged:                        func(b *bench) { b.rule(t, "r", strings.Replace(tooMany, "warning", "critical", 1)) },
		"rule_changed to one that cannot be evaluated": func(b *bench) { b.rule(t, "r", strings.Replace(tooMany, "waiting", "weighting", 1)) },
	} {
		t.Run(reason, func(t *testing.T) {
			b := newBench(t, newWorld(), newMemory())
			b.rule(t, "r", tooMany)
			b.wait(11)
			require.Equal(t, []string{"triggered", "active"}, b.seconds(t, 5))
			change(b)
			require.Equal(t, []string{"cleared"}, b.second(t))
			told := b.topic.told(t)
			require.Equal(t, strings.Fields(reason)[0], told[len(told)-1].Reason)
			if reason == schema.AlertRuleChanged {
				require.Equal(t, []string{"triggered"}, b.seconds(t, 4), "the new rule begins anew")
			}
		})
	}
}

// A record that does not count, of an evaluator that had been replaced, is followed by the alert as it is: else compaction would keep the wrong one.
func TestRule_LosingRecordCameLast_AlertWrittenAgain(t *testing.T) {
	b := newBench(t, newWorld(), newMemory())
	b.rule(t, "r", tooMany)
	b.wait(11)
	b.seconds(t, 5)
	late := b.topic.told(t)[0]
	late.ID = "zombie's"
	value, err := late.Encode()
	require.NoError(t, err)
	for name, m := range map[string]Message{"its transition": {schema.AlertKey(center, "r"), value}, "its tombstone": {Key: schema.AlertKey(center, "r")}} {
		b.topic.records = append(b.topic.records, m)
		b.back(t)
		n := len(b.topic.records)
		require.Empty(t, b.seconds(t, 3), name)
		require.Len(t, b.topic.records, n+1, name)
		again, err := schema.DecodeAlert(b.topic.records[n].Value)
		require.NoError(t, err)
		require.True(t, again.Confirmed)
		require.True(t, again.Same(&b.topic.told(t)[1]), name)
	}
}

// The newest alert of a rule that is no more leaves the topic after a while.
func TestRule_LongGone_Forgotten(t *testing.T) {
	b := newBench(t, newWorld(), newMemory())
	b.rule(t, "r", tooMany)
	b.wait(11)
	b.seconds(t, 5)
	b.rule(t, "r", "")
	b.seconds(t, 2)
	b.pass(defaultForget - time.Minute)
	b.seconds(t, 2)
	require.Len(t, b.e.book.rules, 1)
	b.pass(time.Minute)
	b.seconds(t, 2)
	require.Empty(t, b.e.book.rules)
	require.Nil(t, b.topic.records[len(b.topic.records)-1].Value)
}

// Rules that go together find what each of them finds alone, whatever they watch.
func TestFigures_TogetherAsAlone(t *testing.T) {
	w := newWorld()
	n := newNode(t, w, newMemory(), nil, WebhookConfig{})
	live := newLarge(w.now)
	for i, win := range live.metrics.Windows {
		for c := range win.Counts {
			win.Counts[c] = uint32((i + c) % 7)
		}
	}
	source := floor.NewSource(live, w.directory, []string{center}, w.clock)
	v := source.View(center)
	var rules []*rule
	for _, m := range w.catalogue.All() {
		for _, scope := range []map[string][]string{{"queue": {"q1"}}, {"queue": {"q2"}}, {"queue": {"nobody's"}}, {"queue": {"nor this"}}, {"queue": {"q3"}}, {"campaign": {"c"}}, {"queue": {"q1", "q2"}}, {}} {
			r, err := compile(w.catalogue, n.deps.Webhooks, schema.AlertRule{ID: "r", Metric: m.Key, Scope: scope, Window: "5m", Comparison: ">", Severity: "info"})
			if err == nil {
				rules = append(rules, r)
			}
		}
	}
	grouped, counted := figures(w.catalogue, source, v, rules), 0
	for _, r := range rules {
		require.Equal(t, r.figure(source, v), grouped[r], "%s %v", r.Metric, r.Scope)
		if _, _, ok := r.group(w.catalogue, v); ok && grouped[r].ok && grouped[r].value != 0 {
			counted++
		}
	}
	require.Greater(t, counted, 30)
}

// Rules of the configuration are watched too; one of the directory with the same id goes first.
func TestRules_OfConfigurationAndDirectory(t *testing.T) {
	w := newWorld()
	n := newNode(t, w, newMemory(), nil, WebhookConfig{})
	n.Alerts.cfg.Rules = map[string][]schema.AlertRule{center: {
		{ID: "mine", Metric: "waiting", Window: "5m", Comparison: ">", Threshold: 1, Severity: "info"},
		{ID: "both", Metric: "waiting", Window: "5m", Comparison: ">", Threshold: 1, Severity: "info"}}}
	w.rule(t, "both", tooMany)
	e := newEvaluation(n.Alerts, newBook(), func(string) bool { return true })
	_, err := e.propose(w.clock())
	require.NoError(t, err)
	require.Equal(t, 1., e.rules[center].good["mine"].Threshold)
	require.Equal(t, 10., e.rules[center].good["both"].Threshold)
}

// A rule that cannot be evaluated stops nobody, and is told of.
func TestRules_FaultyOne_ToldAndCounted(t *testing.T) {
	b := newBench(t, newWorld(), newMemory())
	b.rule(t, "bad", strings.Replace(tooMany, "waiting", "weighting", 1))
	b.rule(t, "r", tooMany)
	b.wait(11)
	require.Equal(t, []string{"triggered"}, b.seconds(t, 4))
	require.Equal(t, []string{`alert rule "bad" of contact centre "6": not evaluated: metric: "weighting" is not in the catalogue`}, b.e.a.Warnings())
	require.Equal(t, 1., b.e.a.counts.faults.Get())
}

// A webhook that this node does not know keeps nobody from watching: another node may know it.
func TestRules_UnknownWebhook_WatchedAndTold(t *testing.T) {
	b := newBench(t, newWorld(), newMemory())
	b.rule(t, "r", hooked("pager"))
	b.wait(11)
	require.Equal(t, []string{"triggered", "active"}, b.seconds(t, 2))
	require.Equal(t, []string{`alert rule "r" of contact centre "6": not posted: webhook: "pager", neither a configured hook's name nor an http or https URL`}, b.e.a.Warnings())
}

func TestCheck_NamesFieldValueAndWhatIsAllowed(t *testing.T) {
	hooks, err := NewWebhooks(WebhookConfig{})
	require.NoError(t, err)
	good := schema.AlertRule{ID: "r", Metric: "waiting", Scope: map[string][]string{"queue": {"q"}}, Window: "5m", Comparison: ">", Threshold: 10, Severity: "warning"}
	require.NoError(t, Check(metric.NewCatalogue(), hooks, good))
	for want, change := range map[string]func(*schema.AlertRule){
		`metric: "weighting" is not in the catalogue`:                      func(r *schema.AlertRule) { r.Metric = "weighting" },
		`metric: metric "waiting" does not fit this grouping`:              func(r *schema.AlertRule) { r.Scope = map[string][]string{"agent": {"a"}} },
		`metric: "estimated_wait_ms" is of one queue, scope.queue has to`:  func(r *schema.AlertRule) { r.Metric = "estimated_wait_ms"; r.Scope = nil },
		`scope: "status" is no filter of metrics, allowed: agent, queue`:   func(r *schema.AlertRule) { r.Scope = map[string][]string{"status": {"a"}} },
		`scope.channel: "fax", allowed: voice, `:                           func(r *schema.AlertRule) { r.Scope = map[string][]string{"channel": {"fax"}} },
		`scope.queue: [], at least one value`:                              func(r *schema.AlertRule) { r.Scope = map[string][]string{"queue": {}} },
		`window: "6m", allowed: 5m, 15m, 30m, 1h, today`:                   func(r *schema.AlertRule) { r.Window = "6m" },
		`comparison: "=", allowed: >, >=, <, <=`:                           func(r *schema.AlertRule) { r.Comparison = "=" },
		`for_seconds: "-1", 0 to 86400 are allowed`:                        func(r *schema.AlertRule) { r.ForSeconds = -1 },
		`severity: "", a word such as warning is needed`:                   func(r *schema.AlertRule) { r.Severity = "" },
		`clear_threshold: "11", with > 10 it cannot be on the side that t`: func(r *schema.AlertRule) { r.ClearThreshold = new(11.) },
		`webhook: "pager", neither a configured hook's name nor`:           func(r *schema.AlertRule) { r.Webhook = "pager" },
	} {
		r := good
		change(&r)
		require.ErrorContains(t, Check(metric.NewCatalogue(), hooks, r), want)
	}
}

// Whatever the figures do, and whenever evaluators come and go or two of them work at once: transitions are told in order, each once, an
// alert is triggered only where the condition held for its seconds in a row, and cleared only where the figure was beyond the clear threshold.
func TestEvaluation_AnyFiguresAnyRestarts_OrderlyAndTrue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w, topic := newWorld(), newMemory()
		w.rule(t, "r", tooMany)
		benches := []*bench{newBench(t, w, topic), newBench(t, w, topic)}
		held := 0 // seconds that the condition has held in a row, as the world has it
		for i := range rapid.IntRange(1, 60).Draw(t, "seconds") {
			n := rapid.SampledFrom([]int{0, 5, 6, 10, 11, 11, 12, 12, 12}).Draw(t, "waiting")
			w.wait(n)
			w.pass(time.Second)
			if held++; n <= 10 {
				held = 0
			}
			before := len(topic.told(t))
			for k := range benches {
				if rapid.IntRange(0, 9).Draw(t, "restarts") == 0 {
					benches[k] = newBench(t, w, topic)
				}
			}
			// All propose of the same state: they have not read what the others are about to write.
			var all [][]Message
			if rapid.IntRange(0, 2).Draw(t, "alone") == 0 {
				benches[1] = newBench(t, w, topic) // it was not there this second
			}
			for _, b := range benches {
				messages, err := b.e.propose(w.clock())
				require.NoError(t, err)
				all = append(all, messages)
			}
			for _, messages := range all {
				if len(messages) > 0 {
					_, err := topic.Write(context.Background(), messages)
					require.NoError(t, err)
				}
			}
			for _, b := range benches {
				if rapid.IntRange(0, 3).Draw(t, "lags") > 0 || b == benches[0] {
					b.back(t)
				}
			}
			for _, a := range topic.told(t)[before:] {
				switch a.State {
				case schema.AlertTriggered:
					require.Greater(t, held, 3, "second %d", i)
				case schema.AlertCleared:
					require.LessOrEqual(t, n, 5, fmt.Sprint("second ", i))
				}
			}
		}
		requireOrderly(t, topic.told(t))
	})
}
