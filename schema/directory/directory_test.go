package directory

import (
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"floorwalker/schema"
)

func said(kind, id, data string) *schema.Event {
	return &schema.Event{Type: schema.EventDirectory, DirectoryKind: kind, ContactCenter: "6", Subject: id, Data: []byte(data)}
}

func tombstone(kind, id string) *schema.Event {
	return &schema.Event{Type: schema.EventDirectory, DirectoryKind: kind, ContactCenter: "6", Subject: id, Deleted: true}
}

// snapshot of contact centre 6 after events of kind, id, data.
func snapshot(t *testing.T, events ...[3]string) *Directory {
	t.Helper()
	s := NewStore()
	for _, e := range events {
		require.NoError(t, s.Apply(said(e[0], e[1], e[2])))
	}
	return s.Snapshot("6")
}

// least are payloads with what is required and nothing else.
var least = map[string]string{
	KindContactCenter: `{"name":"C","time_zone":"Asia/Jerusalem"}`,
	KindBusinessUnit:  `{"name":"B"}`,
	KindGroup:         `{"name":"G","team_ids":[]}`,
	KindTeam:          `{"name":"T","business_unit_id":"b","queue_ids":[]}`,
	KindAgent:         `{"name":"A","login":"a","email":"a@b","skills":[],"queue_ids":[],"campaign_ids":[],"role":"agent"}`,
	KindQueue:         `{"name":"Q","team_ids":[]}`,
	KindCampaign:      `{"name":"C","queue_ids":[]}`,
	KindSkill:         `{"name":"S"}`,
	KindReasonCode:    `{"name":"R","status":"break"}`,
	KindDisposition:   `{"name":"D","sub_dispositions":[]}`,
	KindCallFlow:      `{"name":"F"}`,
	KindDashboard:     `{"template_id":"t","template_revision":1,"definition":{}}`,
	KindExtraItem:     `{"name":"X"}`,
	KindAlertRule: `{"metric":"waiting","scope":{},"window":"15m","comparison":">=","threshold":1.5,"for_seconds":0,` +
		`"severity":"warning"}`,
	KindLocale: `{"strings":{}}`,
}

func TestLeast_IsEnoughAndEachPartOfItIsNeeded(t *testing.T) {
	require.Len(t, least, len(schema.DirectoryKinds()))
	for kind, data := range least {
		id := "x"
		if kind == KindContactCenter {
			id = "6"
		}
		require.NoError(t, Validate(said(kind, id, data)), kind)
		var members map[string]json.RawMessage
		require.NoError(t, json.Unmarshal([]byte(data), &members))
		for name := range members {
			for _, with := range []string{"", "null"} {
				reduced := map[string]json.RawMessage{}
				for k, v := range members {
					reduced[k] = v
				}
				delete(reduced, name)
				if with != "" {
					reduced[name] = json.RawMessage(with)
				}
				text, err := json.Marshal(reduced)
				require.NoError(t, err)
				requireViolation(t, said(kind, id, string(text)), schema.CodeMissingAttribute, "data."+name)
			}
		}
	}
}

func requireViolation(t *testing.T, ev *schema.Event, code, attribute string) {
	t.Helper()
	var v *schema.Violation
	require.ErrorAs(t, Validate(ev), &v, "%s %s", ev.DirectoryKind, ev.Data)
	require.Equal(t, code, v.Code, v)
	require.Equal(t, attribute, v.Attribute, v)
	s := NewStore()
	require.Error(t, s.Apply(ev))
	require.Zero(t, s.Version(), "what is refused changes nothing")
}

func TestViolations(t *testing.T) {
	with := func(kind, more string) string { return least[kind][:len(least[kind])-1] + "," + more + "}" }
	cases := []struct{ kind, data, code, attribute string }{
		{KindSkill, ``, schema.CodeMissingAttribute, "data"},
		{KindSkill, `{`, schema.CodeMalformedJSON, "data"},
		{KindSkill, `[]`, schema.CodeWrongKind, "data"},
		{KindSkill, `{"name":"\ud800"}`, schema.CodeInvalidUTF8, "data.name"},
		{KindSkill, `{"name":1}`, schema.CodeWrongKind, "data.name"},
		{KindSkill, `{"name":"a","name":"b"}`, schema.CodeDuplicateAttribute, "data.name"},
		{KindBusinessUnit, with(KindBusinessUnit, `"number":0`), schema.CodeNumberOutOfRange, "data.number"},
		{KindBusinessUnit, with(KindBusinessUnit, `"number":2147483648`), schema.CodeNumberOutOfRange, "data.number"},
		{KindBusinessUnit, with(KindBusinessUnit, `"number":1.5`), schema.CodeWrongKind, "data.number"},
		{KindBusinessUnit, with(KindBusinessUnit, `"number":true`), schema.CodeWrongKind, "data.number"},
		{KindBusinessUnit, with(KindBusinessUnit, `"number":"x"`), schema.CodeMalformedNumber, "data.number"},
		{KindBusinessUnit, with(KindBusinessUnit, `"number":"99999999999999999999"`), schema.CodeNumberOutOfRange, "data.number"},
		{KindGroup, `{"name":"G","team_ids":"1"}`, schema.CodeWrongKind, "data.team_ids"},
		{KindGroup, `{"name":"G","team_ids":["a",true]}`, schema.CodeWrongKind, "data.team_ids[1]"},
		{KindGroup, `{"name":"G","team_ids":[""]}`, schema.CodeEmptyValue, "data.team_ids[0]"},
		{KindTeam, `{"name":"T","business_unit_id":1.5,"queue_ids":[]}`, schema.CodeWrongKind, "data.business_unit_id"},
		{KindQueue, with(KindQueue, `"number":9999`), schema.CodeValueNotAllowed, "data.number"},
		{KindQueue, with(KindQueue, `"open":"yes"`), schema.CodeWrongKind, "data.open"},
		{KindQueue, with(KindQueue, `"service_level_seconds":-1`), schema.CodeNumberOutOfRange, "data.service_level_seconds"},
		{KindQueue, with(KindQueue, `"channels":["fax"]`), schema.CodeValueNotAllowed, "data.channels[0]"},
		{KindQueue, with(KindQueue, `"after_call":{"manual":1}`), schema.CodeWrongKind, "data.after_call.manual"},
		{KindAgent, with(KindAgent, `"permissions":{"record":"x"}`), schema.CodeWrongKind, "data.permissions.record"},
		{KindAgent, with(KindAgent, `"permissions":{"team_ids":[{}]}`), schema.CodeWrongKind, "data.permissions.team_ids[0]"},
		{KindAgent, with(KindAgent, `"device":5`), schema.CodeWrongKind, "data.device"},
		{KindAgent, `{"name":"A","login":"a","email":"a@b","skills":[],"queue_ids":[],"campaign_ids":[],"role":"boss"}`, schema.CodeValueNotAllowed, "data.role"},
		{KindReasonCode, `{"name":"R","status":"on_call"}`, schema.CodeValueNotAllowed, "data.status"},
		{KindDisposition, `{"name":"D","sub_dispositions":[{"id":1,"name":"a"},{"name":"b"}]}`, schema.CodeMissingAttribute, "data.sub_dispositions[1].id"},
		{KindDisposition, `{"name":"D","sub_dispositions":[1]}`, schema.CodeWrongKind, "data.sub_dispositions[0]"},
		{KindDashboard, `{"template_id":"t","template_revision":1,"definition":[]}`, schema.CodeWrongKind, "data.definition"},
		{KindAlertRule, `{"metric":"m","scope":{},"window":"w","comparison":"=","threshold":1,"for_seconds":1,"severity":"s"}`, schema.CodeValueNotAllowed, "data.comparison"},
		{KindAlertRule, `{"metric":"m","scope":{},"window":"w","comparison":">","threshold":"1","for_seconds":1,"severity":"s"}`, schema.CodeWrongKind, "data.threshold"},
		{KindAlertRule, `{"metric":"m","scope":{},"window":"w","comparison":">","threshold":1e999,"for_seconds":1,"severity":"s"}`, schema.CodeNumberOutOfRange, "data.threshold"},
		{KindAlertRule, `{"metric":"m","scope":{"queue":{}},"window":"w","comparison":">","threshold":1,"for_seconds":1,"severity":"s"}`, schema.CodeWrongKind, "data.scope.queue"},
		{KindLocale, `{"strings":{"a":1}}`, schema.CodeWrongKind, "data.strings.a"},
		{"chair", `{}`, schema.CodeUnknownType, "type"},
	}
	for _, c := range cases {
		t.Run(c.kind+c.data, func(t *testing.T) { requireViolation(t, said(c.kind, "x", c.data), c.code, c.attribute) })
	}
	requireViolation(t, said(KindContactCenter, "7", least[KindContactCenter]), schema.CodeValueNotAllowed, "subject")
	requireViolation(t, said(KindContactCenter, "6", with(KindContactCenter, `"service_level":"best"`)), schema.CodeValueNotAllowed, "data.service_level")
	requireViolation(t, said(KindContactCenter, "6", with(KindContactCenter, `"clarity":{"modalities":["fax"]}`)), schema.CodeValueNotAllowed, "data.clarity.modalities[0]")
}

func TestDefaults(t *testing.T) {
	var events [][3]string
	for kind, data := range least {
		id := "x"
		if kind == KindContactCenter {
			id = "6"
		}
		events = append(events, [3]string{kind, id, data})
	}
	d := snapshot(t, events...)
	clarity := Clarity{Version: "4.1.2", Modalities: []string{"audio", "instantMessage", "message"}, AfterCall: AfterCall{Manual: true, Seconds: 10},
		HoldTimerSeconds: 10}
	require.Equal(t, clarity, d.ContactCenter.Clarity)
	require.Equal(t, "Asia/Jerusalem", d.Location.String())
	q := d.Queues["x"]
	require.Equal(t, []any{20, 5, true, "Q"}, []any{q.ServiceLevelSeconds, q.ShortAbandonSeconds, q.Open, q.Name})
	require.Nil(t, q.AfterCall)
	require.Nil(t, q.HoldTimerSeconds)
	require.True(t, d.Campaigns["x"].Active)
	require.False(t, d.ExtraItems["x"].Searchable)
	require.Equal(t, Permissions{GroupIDs: []string{}, BusinessUnitIDs: []string{}, TeamIDs: []string{}}, d.Agents["x"].Permissions)
	require.Equal(t, "1", d.Dashboards["x"].TemplateRevision)
	require.Nil(t, d.Dashboards["x"].ConsoleDefinition)
	require.Nil(t, d.AlertRules["x"].ClearThreshold)
	for kind, data := range least {
		id := "x"
		if kind == KindContactCenter {
			id = "6"
		}
		raw, ok := d.Raw(kind, id)
		require.True(t, ok)
		require.Equal(t, data, string(raw))
		require.Equal(t, []string{id}, d.IDs(kind))
	}

	nobody := NewStore().Snapshot("9")
	require.Equal(t, clarity, nobody.ContactCenter.Clarity)
	require.Equal(t, []any{"9", "9", time.UTC, uint64(0)}, []any{nobody.ContactCenter.Name, nobody.QueueName("9"), nobody.Location, nobody.Version})
	require.Empty(t, nobody.Problems())
}

func TestFullPayloads(t *testing.T) {
	d := snapshot(t,
		[3]string{KindContactCenter, "6", `{"name":"C","number":6,"time_zone":"Europe/Berlin","exotel_account_sid":"sid","service_level":"answered_only",` +
			`"clarity":{"version":"5","modalities":["audio"],"federated":true,"hide_record_button":true,"attendant_uris":["sip:x"],"domain":"d",` +
			`"discovery_user_url":"u","discovery_xframe_url":"f","after_call":{"manual":false,"seconds":3},"hold_timer_seconds":4}}`},
		[3]string{KindAgent, "1", `{"number":11,"name":"A","first_name":"F","last_name":"L","login":"a","email":"a@b","sip":"sip:a","phone":"5","user_type":"u",` +
			`"team_id":3,"skills":[1,"b","b"],"queue_ids":[2,1],"campaign_ids":["c"],"role":"supervisor","permissions":{"silent_join":true,"whisper_join":true,` +
			`"record":true,"suspend_self":true,"group_ids":[1],"business_unit_ids":[2],"team_ids":[3]},"locale":"de-de","device":{"type":"sip","contact_uri":"sip:a"},` +
			`"gruu":"g","proxy_direct_calls":true,"hide_recording":true,"hidden_queue_ids":[9],"unknown":{"x":1}}`},
		[3]string{KindQueue, "2", `{"number":"5","name":"Q","business_unit_id":1,"team_ids":[3],"service_level_seconds":30,"short_abandon_seconds":0,"open":false,` +
			`"channels":["voice","chat"],"after_call":{"manual":false,"seconds":7},"hold_timer_seconds":0}`},
		[3]string{KindDisposition, "4", `{"name":"D","business_unit_id":1,"sub_dispositions":[{"id":1,"number":2,"name":"s"}]}`},
		[3]string{KindAlertRule, "5", `{"metric":"m","scope":{"queue":"1,2","agent":[3,"x"],"team":4},"window":"1h","comparison":"<","threshold":-0.5,` +
			`"for_seconds":60,"severity":"critical","clear_threshold":0,"webhook":"https://x"}`},
		[3]string{KindDashboard, "default", `{"template_id":1,"template_revision":"r","definition":{ "a" : [1] },"console_template_id":2,` +
			`"console_template_revision":3,"console_definition":{}}`},
		[3]string{KindLocale, "en-us", `{"strings":{"a":"A"}}`},
	)
	zero, none := 0, 0.0
	require.Equal(t, Clarity{"5", []string{"audio"}, true, true, []string{"sip:x"}, "d", "u", "f", AfterCall{false, 3}, 4}, d.ContactCenter.Clarity)
	a := *d.Agents["1"]
	a.Raw = nil
	require.Equal(t, Agent{Entity{ID: "1", Number: 11, Name: "A"}, "F", "L", "a", "a@b", "sip:a", "5", "u", "3", []string{"1", "b"}, []string{"2", "1"},
		[]string{"c"}, "supervisor", Permissions{true, true, true, true, []string{"1"}, []string{"2"}, []string{"3"}}, "de-de",
		Device{"sip", "sip:a"}, "g", true, true, []string{"9"}}, a)
	q := *d.Queues["2"]
	q.Raw = nil
	require.Equal(t, Queue{Entity{ID: "2", Number: 5, Name: "Q"}, "1", []string{"3"}, 30, 0, false, []string{"voice", "chat"}, &AfterCall{false, 7}, &zero}, q)
	require.Equal(t, []SubDisposition{{"1", 2, "s"}}, d.Dispositions["4"].SubDispositions)
	r := *d.AlertRules["5"]
	r.Raw = nil
	require.Equal(t, AlertRule{Entity{ID: "5"}, "m", map[string][]string{"queue": {"1", "2"}, "agent": {"3", "x"}, "team": {"4"}}, "1h", "<", -0.5, 60,
		"critical", &none, "https://x"}, r)
	require.Equal(t, `{"a":[1]}`, string(d.Dashboards["default"].Definition))
	require.Equal(t, []string{"2", "3"}, []string{d.Dashboards["default"].ConsoleTemplateID, d.Dashboards["default"].ConsoleTemplateRevision})
	require.Equal(t, map[string]string{"a": "A"}, d.Locales["en-us"].Strings)
}

func TestNumbers_OfTwoTheLesserIDHasIt(t *testing.T) {
	queue := func(id, number string) [3]string {
		if number != "" {
			number = `"number":` + number + `,`
		}
		return [3]string{KindQueue, id, `{` + number + `"name":"Q","team_ids":[]}`}
	}
	d := snapshot(t, queue("b", "7"), queue("a", "7"), queue("12", ""), queue("x", "12"), queue("012", ""), queue("5", "6"), queue("9999", ""),
		queue("2147483648", ""), queue("30", ""), queue("1z", "30"), queue("plain", ""), queue("-4", ""), queue("+4", ""))
	cases := []struct {
		id     string
		number int32
	}{{"a", 7}, {"b", 0}, {"12", 12}, {"x", 0}, {"012", 0}, {"5", 6}, {"9999", 0}, {"2147483648", 0}, {"30", 0}, {"1z", 30}, {"plain", 0}, {"-4", 0}, {"+4", 0},
		{"77", 77}, {"7", 0}, {"2147483647", 2147483647}, {"unknown", 0}}
	for _, c := range cases {
		n, ok := d.Number(KindQueue, c.id)
		require.Equal(t, c.number, n, c.id)
		require.Equal(t, c.number != 0, ok, c.id)
		if id, known := d.ByNumber(KindQueue, c.number); c.number != 0 && d.Queues[c.id] != nil {
			require.True(t, known)
			require.Equal(t, c.id, id)
		}
	}
	_, ok := d.ByNumber(KindQueue, 5)
	require.False(t, ok, "an entity with a number of its own is not found by its id's")
	_, ok = d.ByNumber(KindQueue, 9999)
	require.False(t, ok)
	n, ok := d.Number(KindAgent, "9999")
	require.True(t, ok, "numbers are unique per kind, and only queues may not have 9999")
	require.EqualValues(t, 9999, n)

	require.Equal(t, []Problem{
		{KindQueue, "30", "number", `30 belongs to "1z", this one has none`},
		{KindQueue, "9999", "id", `9999 is no queue's number, this one has none`},
		{KindQueue, "b", "number", `7 belongs to "a", this one has none`},
		{KindQueue, "x", "number", `12 belongs to "12", this one has none`},
	}, d.Problems())
}

func TestRelations_AreJoined(t *testing.T) {
	agent := `{"name":"A","login":"a","email":"","skills":[],"queue_ids":["q9","q1"],"campaign_ids":["c3"],"role":"agent","team_id":"t1"}`
	d := snapshot(t,
		[3]string{KindBusinessUnit, "b1", least[KindBusinessUnit]},
		[3]string{KindTeam, "t1", `{"name":"T","business_unit_id":"b1","queue_ids":["q2","q1"]}`},
		[3]string{KindTeam, "t2", `{"name":"T","business_unit_id":"b1","queue_ids":[]}`},
		[3]string{KindQueue, "q1", `{"name":"Queue","team_ids":["t1"]}`},
		[3]string{KindQueue, "q3", `{"name":"Q","team_ids":["t2","t1"]}`},
		[3]string{KindGroup, "g1", `{"name":"G","team_ids":["t2","t1"]}`},
		[3]string{KindCampaign, "c1", `{"name":"C","queue_ids":["q3"]}`},
		[3]string{KindCampaign, "c2", `{"name":"C","queue_ids":["q8"]}`},
		[3]string{KindAgent, "a2", agent}, [3]string{KindAgent, "a1", agent},
	)
	require.Equal(t, []string{"q1", "q2", "q3"}, d.QueuesOfTeam("t1"))
	require.Equal(t, []string{"t1", "t2"}, d.TeamsOfQueue("q3"))
	require.Equal(t, []string{"t1"}, d.TeamsOfQueue("q2"))
	require.Equal(t, []string{"t1", "t2"}, d.TeamsOfGroup("g1"))
	require.Equal(t, []string{"g1"}, d.GroupsOfTeam("t1"))
	require.Equal(t, "b1", d.BusinessUnitOfTeam("t1"))
	require.Empty(t, d.BusinessUnitOfTeam("t7"))
	require.Equal(t, []string{"t1", "t2"}, d.TeamsOfBusinessUnit("b1"))
	require.Equal(t, []string{"a1", "a2"}, d.AgentsOfTeam("t1"))
	require.Equal(t, []string{"q1", "q2", "q3", "q9"}, d.QueuesOfAgent("a1"))
	require.Empty(t, d.QueuesOfAgent("a7"))
	require.Equal(t, []string{"c1"}, d.CampaignsOfQueue("q3"))
	require.Equal(t, []string{"c1", "c3"}, d.CampaignsOfAgent("a1", d.QueuesOfAgent("a1")))
	require.Equal(t, []string{"Queue", "q77", "A", "c9"}, []string{d.QueueName("q1"), d.QueueName("q77"), d.AgentName("a1"), d.CampaignName("c9")})
}

func TestProblems_NameZonesAndReferences(t *testing.T) {
	d := snapshot(t,
		[3]string{KindContactCenter, "6", `{"name":"C","time_zone":"Local"}`},
		[3]string{KindTeam, "t", `{"name":"T","business_unit_id":"b","queue_ids":["q"]}`},
		[3]string{KindQueue, "q", `{"name":"Q","team_ids":["u"],"service_level_seconds":3601}`},
		[3]string{KindAgent, "a", `{"name":"A","login":"a","email":"","skills":["s"],"queue_ids":[],"campaign_ids":["c"],"role":"agent","team_id":"v"}`},
		[3]string{KindDashboard, "default", least[KindDashboard]},
		[3]string{KindDashboard, "z", least[KindDashboard]},
	)
	require.Equal(t, time.UTC, d.Location)
	require.Equal(t, []Problem{
		{KindAgent, "a", "campaign_ids", `there is no campaign "c"`},
		{KindAgent, "a", "team_id", `there is no team "v"`},
		{KindContactCenter, "6", "time_zone", `"Local" is no zone of the IANA database, UTC is used`},
		{KindDashboard, "z", "id", `there is no agent "z"`},
		{KindQueue, "q", "service_level_seconds", `3601 s, waits are counted by seconds up to 3600`},
		{KindQueue, "q", "team_ids", `there is no team "u"`},
		{KindTeam, "t", "business_unit_id", `there is no business_unit "b"`},
	}, d.Problems())
	for _, zone := range []string{"", "Mars/Olympus", "../etc/passwd", "/etc/localtime"} {
		d := snapshot(t, [3]string{KindContactCenter, "6", fmt.Sprintf(`{"name":"C","time_zone":%q}`, zone)})
		require.Equal(t, time.UTC, d.Location)
		require.Len(t, d.Problems(), 1, zone)
	}
}

func TestStore_LastOneWinsAndTombstonesDelete(t *testing.T) {
	s := NewStore()
	require.NoError(t, s.Apply(said(KindSkill, "s", `{"name":"one"}`)))
	first := s.Snapshot("6")
	require.Same(t, first, s.Snapshot("6"), "cached until something changes")
	require.NoError(t, s.Apply(said(KindSkill, "s", `{"name":"one"}`)))
	require.Same(t, first, s.Snapshot("6"), "the same again is no change")

	other := said(KindSkill, "s", `{"name":"x"}`)
	other.ContactCenter = "7"
	require.NoError(t, s.Apply(other))
	require.Same(t, first, s.Snapshot("6"), "another contact centre's change is none of this one")

	require.NoError(t, s.Apply(said(KindSkill, "s", `{"name":"two"}`)))
	second := s.Snapshot("6")
	require.Greater(t, second.Version, first.Version)
	require.Equal(t, []string{"one", "two"}, []string{first.Skills["s"].Name, second.Skills["s"].Name})

	require.NoError(t, s.Apply(tombstone(KindSkill, "s")))
	third := s.Snapshot("6")
	require.Greater(t, third.Version, second.Version)
	require.Empty(t, third.Skills)
	require.Len(t, second.Skills, 1)
	require.Equal(t, "s", third.Name(KindSkill, "s"))
	require.NoError(t, s.Apply(tombstone(KindSkill, "s")))
	require.NoError(t, s.Apply(tombstone("chair", "s")))
	require.Same(t, third, s.Snapshot("6"), "deleting what is not there is no change")

	require.Error(t, s.Apply(said(KindSkill, "s", `{}`)))
	require.Equal(t, []string{"6", "7"}, s.ContactCenters())
}

func TestStore_DoesNotKeepTheEventsMemory(t *testing.T) {
	var d schema.Decoder
	var ev schema.Event
	s := NewStore()
	for i := range 3 {
		value := schema.AppendDirectoryEvent(nil, "6", "/x", "e", KindQueue, fmt.Sprint("queue-", i), 0, fmt.Appendf(nil, `{"name":"Q%d","team_ids":["t%d"]}`, i, i))
		require.NoError(t, d.DecodeDirectoryRecord(&schema.Record{Value: value}, &ev))
		require.NoError(t, s.Apply(&ev))
		clear(value)
	}
	got := s.Snapshot("6")
	require.Equal(t, []string{"queue-0", "queue-1", "queue-2"}, got.IDs(KindQueue))
	for i := range 3 {
		q := got.Queues[fmt.Sprint("queue-", i)]
		require.Equal(t, []string{fmt.Sprint("Q", i), fmt.Sprint("t", i)}, []string{q.Name, q.TeamIDs[0]})
		require.Equal(t, []string{q.ID}, got.QueuesOfTeam(q.TeamIDs[0]))
	}
}

func TestStore_ServesReadersWhileItChanges(t *testing.T) {
	s := NewStore()
	var group sync.WaitGroup
	for w := range 2 {
		group.Go(func() {
			for i := range 200 {
				id := fmt.Sprint(w*1000 + i%20)
				if i%7 == 0 {
					_ = s.Apply(tombstone(KindTeam, id))
					continue
				}
				_ = s.Apply(said(KindTeam, id, fmt.Sprintf(`{"name":"T%d","business_unit_id":"b","queue_ids":["q"]}`, i)))
			}
		})
		group.Go(func() {
			var version uint64
			for range 200 {
				d := s.Snapshot("6")
				if d.Version < version {
					panic("an older version after a newer one")
				}
				version = d.Version
				if len(d.TeamsOfQueue("q")) != len(d.Teams) || len(d.IDs(KindTeam)) != len(d.Teams) {
					panic("a snapshot is not one state")
				}
				d.Problems()
			}
		})
	}
	group.Wait()
	require.Positive(t, s.Version())
}

func FuzzDirectory(f *testing.F) {
	for kind, data := range least {
		f.Add(kind, "6", []byte(data))
	}
	f.Add(KindAgent, "a", []byte(`{"name":"A","team_id":1,"permissions":{"team_ids":[1]},"number":"7"}`))
	f.Add(KindQueue, "9999", []byte(`{"name":"A","team_ids":["6",6],"number":1,"channels":["voice"]}`))
	f.Add(KindAlertRule, "1", []byte(`{"scope":{"a":[1],"b":"1,2","c":true}}`))
	f.Fuzz(func(t *testing.T, kind, id string, data []byte) {
		ev := said(kind, id, string(data))
		judged := Validate(ev)
		s := NewStore()
		require.NoError(t, s.Apply(said(KindTeam, "6", least[KindTeam])))
		require.Equal(t, judged == nil, s.Apply(ev) == nil)
		if judged != nil {
			var v *schema.Violation
			require.ErrorAs(t, judged, &v)
			return
		}
		require.True(t, json.Valid(data))
		d := s.Snapshot("6")
		raw, ok := d.Raw(kind, id)
		require.True(t, ok)
		require.Equal(t, data, []byte(raw))
		if n, ok := d.Number(kind, id); ok {
			back, known := d.ByNumber(kind, n)
			require.True(t, known)
			require.Equal(t, id, back)
		}
		for _, p := range d.Problems() {
			require.NotEmpty(t, p.Detail)
		}
		require.NoError(t, s.Apply(tombstone(kind, id)))
		_, ok = s.Snapshot("6").Raw(kind, id)
		require.False(t, ok)
	})
}
