package mask_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"floorwalker/query/mask"
	"floorwalker/schema"
)

func masked(t testing.TB, show ...string) *mask.Mask {
	t.Helper()
	m, err := mask.New(show)
	require.NoError(t, err)
	return m
}

const ann = `{"id":"C1","name":"Ann Lee","phone":"+49 (30) 555-1234567","display_phone":"0555 1234567","email":"ann@example.com","address":null,` +
	`"details":{"vip":"yes"},"shoe size":"42"}`

func TestCustomer_OnlyWhatIsShown(t *testing.T) {
	for show, want := range map[string]string{
		"":           `{"id":"***","name":"***","phone":"***4567","display_phone":"***4567","email":"***","address":null,"details":"***"}`,
		"id,details": `{"id":"C1","name":"***","phone":"***4567","display_phone":"***4567","email":"***","address":null,"details":{"vip":"yes"}}`,
		"phone,name": `{"id":"***","name":"Ann Lee","phone":"+49 (30) 555-1234567","display_phone":"0555 1234567","email":"***","address":null,"details":"***"}`,
	} {
		var list []string
		if show != "" {
			list = strings.Split(show, ",")
		}
		require.JSONEq(t, want, string(masked(t, list...).Customer([]byte(ann))), show)
	}
	require.Nil(t, masked(t).Customer([]byte("no object")))
	require.Nil(t, masked(t).Customer([]byte(`"+49 30 5551234567"`)))
	require.Empty(t, masked(t).Customer(nil))
	require.Equal(t, ann, string((*mask.Mask)(nil).Customer([]byte(ann))))
}

func TestCustomer_PhoneLeavesFourDigitsOfALongNumberOnly(t *testing.T) {
	for number, want := range map[string]string{"12345678": "***5678", "1234567": "***", "110": "***", "sip:+493055512345@example.com": "***", "": "***",
		"+1 202.555.0147": "***0147", "٠١٢٣٤٥٦٧٨٩": "***"} {
		raw, err := json.Marshal(map[string]string{"phone": number})
		require.NoError(t, err)
		var got map[string]string
		require.NoError(t, json.Unmarshal(masked(t).Customer(raw), &got))
		require.Equal(t, want, got["phone"], number)
	}
}

func TestInteraction_AllThatMayNameACustomer(t *testing.T) {
	note := schema.Annotation{Type: schema.InteractionNote, Data: []byte(`{"note":"SECRET","agent_id":"A1","extra":"SECRET"}`)}
	i := &schema.LiveInteraction{Interaction: schema.Interaction{ID: "i1", CallID: "call-1", Customer: []byte(`{"name":"SECRET"}`), ScreenPopURL: "https://crm/SECRET", Gruu: "SECRET"},
		Notes: []schema.Annotation{note}, ExtraItems: []schema.ExtraItem{{ID: "x", Name: "order", Value: "SECRET"}}, Annotations: []schema.Annotation{note,
			{Type: schema.InteractionMessage, Data: []byte(`{"from":"SECRET","to":"SECRET","text":"SECRET","from_agent":false}`)},
			{Type: schema.InteractionUpdated, Data: []byte(`{"customer":{"email":"SECRET"},"screen_pop_url":"SECRET","gruu":"SECRET","call_id":"call-2","new":{"a":"SECRET"}}`)},
			{Type: schema.InteractionPrompt, Data: []byte(`{"name":"account","value":"SECRET"}`)},
			{Type: schema.InteractionIVR, Data: []byte(`{"node":"menu","result":"SECRET","note":"SECRET","duration_ms":5}`)}}}
	before, err := json.Marshal(i)
	require.NoError(t, err)
	got := masked(t).Interaction(i)
	text, err := json.Marshal(got)
	require.NoError(t, err)
	require.NotContains(t, string(text), "SECRET")
	for _, a := range got.Annotations {
		require.NotContains(t, string(a.Data), "SECRET")
	}
	for _, a := range got.Notes {
		require.NotContains(t, string(a.Data), "SECRET")
	}
	require.Equal(t, "call-1", got.CallID)
	require.JSONEq(t, `{"node":"menu","result":"***","note":"***","duration_ms":5}`, string(got.Annotations[4].Data))
	require.Nil(t, masked(t).Row(i).Annotations)
	after, err := json.Marshal(i)
	require.NoError(t, err)
	require.Equal(t, string(before), string(after), "rows are shared: the original must not change")
	require.Same(t, i, (*mask.Mask)(nil).Interaction(i))
	shown := masked(t, mask.Names()...).Interaction(i)
	require.JSONEq(t, string(note.Data[:len(`{"note":"SECRET","agent_id":"A1"`)])+"}", string(shown.Notes[0].Data), "what nobody knows is never shown")
}

// Whatever a customer object holds, none of it comes through but four digits.
func TestCustomer_NothingOfAnyValueComesThrough(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		fields := map[string]any{}
		for _, name := range append(mask.Names(), "display_phone", "other") {
			if rapid.Bool().Draw(t, name+" there") {
				fields[name] = "s3cret" + rapid.StringMatching(`[a-z]{4,12}`).Draw(t, name)
			}
		}
		if rapid.Bool().Draw(t, "nested") {
			fields["details"] = map[string]any{"s3cret": []any{"s3cret"}}
		}
		raw, err := json.Marshal(fields)
		require.NoError(t, err)
		m, err := mask.New(nil)
		require.NoError(t, err)
		require.NotContains(t, string(m.Customer(raw)), "s3cret")
	})
}

func TestNew_RefusesWhatItDoesNotKnow(t *testing.T) {
	_, err := mask.New([]string{"phones"})
	require.ErrorContains(t, err, `"phones"; allowed are id, name, phone`)
	_, err = mask.New([]string{"id", "id"})
	require.ErrorContains(t, err, "twice")
	require.Equal(t, masked(t, "id", "name").Key(), masked(t, "name", "id").Key())
	require.NotEqual(t, masked(t).Key(), (*mask.Mask)(nil).Key())
}

// The name of a field that nobody knows may tell as much as its value, also where that is null.
func TestCustomer_UnknownFieldsWithoutValueAreHidden(t *testing.T) {
	m, err := mask.New(nil)
	require.NoError(t, err)
	require.Equal(t, `{"name":null}`, string(m.Customer([]byte(`{"name":null,"Zoë +4915112345678":null}`))))
}
