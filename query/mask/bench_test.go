package mask_test

import (
	"testing"

	"floorwalker/schema"
)

// One row of a list, as it is made for a role that customers are hidden from.
func BenchmarkRow(b *testing.B) {
	m := masked(b)
	i := &schema.LiveInteraction{Interaction: schema.Interaction{ID: "i1", Customer: []byte(ann), ScreenPopURL: "https://crm/1"},
		Notes: []schema.Annotation{{Type: schema.InteractionNote, Data: []byte(`{"note":"calls again","agent_id":"A1"}`)}}}
	b.ReportAllocs()
	for b.Loop() {
		m.Row(i)
	}
}
