package schema

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// What one node writes every other reads as it was meant, whatever the ids hold.
func TestAlert_WrittenAndRead_Same(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		id := rapid.StringN(1, 20, 60)
		ms := rapid.OneOf(rapid.Just(NoTime), rapid.Int64Range(0, 1<<42))
		a := Alert{ContactCenter: id.Draw(t, "cc"), ID: id.Draw(t, "id"), Origin: id.Draw(t, "origin"), Seq: rapid.Uint64Min(1).Draw(t, "seq"),
			Confirmed: rapid.Bool().Draw(t, "confirmed"), State: AlertState(rapid.SampledFrom(AlertStateNames()).Draw(t, "state")),
			Value: rapid.Float64Range(-1e300, 1e300).Draw(t, "value"), Reason: rapid.SampledFrom([]string{"", AlertRuleDeleted}).Draw(t, "reason"),
			Since: ms.Draw(t, "since"), Triggered: rapid.Int64Range(0, 1<<42).Draw(t, "triggered"), Active: 5, Cleared: 6,
			Rule: AlertRule{ID: id.Draw(t, "rule"), Metric: "waiting", Scope: map[string][]string{"queue": {id.Draw(t, "queue")}}, Window: "5m", Comparison: ">",
				Threshold: rapid.Float64Range(-1e9, 1e9).Draw(t, "threshold"), ClearThreshold: new(0.5), ForSeconds: 3, Severity: "warning"}}
		value, err := a.Encode()
		require.NoError(t, err)
		back, err := DecodeAlert(value)
		require.NoError(t, err)
		require.Equal(t, a, back)
		require.True(t, a.Same(&back))
	})
}

func TestAlert_AnyDifference_NotTheSame(t *testing.T) {
	a := Alert{ContactCenter: "6", ID: "x", Origin: "x", Seq: 1, State: AlertTriggered, Rule: AlertRule{ID: "r"}}
	for name, change := range map[string]func(*Alert){
		"id": func(a *Alert) { a.ID = "y" }, "seq": func(a *Alert) { a.Seq++ }, "origin": func(a *Alert) { a.Origin = "y" }, "state": func(a *Alert) { a.State = AlertActive },
		"value": func(a *Alert) { a.Value++ }, "cleared": func(a *Alert) { a.Cleared++ }, "rule": func(a *Alert) { a.Rule.Severity = "s" }, "reason": func(a *Alert) { a.Reason = "r" },
	} {
		b := a
		change(&b)
		require.False(t, a.Same(&b), name)
	}
	b := a
	b.Confirmed = true
	require.True(t, a.Same(&b), "who repeats it does not matter")
}
