package schema

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode"

	kafka "github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

var anyID = rapid.StringOfN(rapid.Rune().Filter(func(r rune) bool { return !unicode.IsControl(r) }), 1, 128, 128)

// anyEvent draws events that keep the contract, their payloads written with Data.
func anyEvent(t *rapid.T) *Event {
	ev := &Event{
		ID: anyID.Draw(t, "id"), Source: anyID.Draw(t, "source"), Subject: anyID.Draw(t, "subject"),
		ContactCenter: anyID.Draw(t, "contact center"),
		Time:          rapid.Int64Range(minTime, maxTime-1).Draw(t, "time"),
	}
	if ev.HasSequence = rapid.Bool().Draw(t, "has sequence"); ev.HasSequence {
		ev.Sequence = rapid.Int64().Draw(t, "sequence")
	}
	d := NewData()
	switch ev.Type = rapid.SampledFrom([]EventType{AgentLogin, AgentAssignment, AgentStatus, InteractionMessage, InteractionQueued,
		InteractionRecording, EventDirectory}).Draw(t, "type"); ev.Type {
	case AgentAssignment:
		ev.QueueIDs, ev.Has = rapid.SliceOfN(anyID, 0, 5).Draw(t, "queues"), HasQueueIDs
		d.Strings("queue_ids", ev.QueueIDs)
	case AgentStatus:
		name := rapid.SampledFrom(StatusNames()).Draw(t, "status")
		ev.Status, _ = ParseStatus(name)
		ev.Description = rapid.String().Draw(t, "description")
		ev.ReasonID = anyID.Draw(t, "reason")
		d.String("status", name).String("description", ev.Description).Raw("reason", NewData().String("id", ev.ReasonID).Bytes())
	case InteractionMessage:
		ev.From, ev.To, ev.Text = rapid.String().Draw(t, "from"), rapid.String().Draw(t, "to"), rapid.String().Draw(t, "text")
		ev.FromAgent = rapid.Bool().Draw(t, "from agent")
		d.String("from", ev.From).String("to", ev.To).String("text", ev.Text).Bool("from_agent", ev.FromAgent)
	case InteractionQueued:
		ev.QueueID, ev.Priority = anyID.Draw(t, "queue"), rapid.Int64().Draw(t, "priority")
		ev.Has = HasQueueID | HasPriority
		d.String("queue_id", ev.QueueID).Int("priority", ev.Priority).OptionalString("skills", "")
	case InteractionRecording:
		ev.Active, ev.Allowed = rapid.Bool().Draw(t, "active"), true
		d.Bool("active", ev.Active)
	case EventDirectory:
		ev.DirectoryKind = rapid.SampledFrom(DirectoryKinds()).Draw(t, "kind")
		d.String("name", ev.Subject)
	case AgentLogin:
		return ev
	}
	ev.Data = d.Bytes()
	return ev
}

func TestRoundTrip_EncodeDecode(t *testing.T) {
	var d Decoder
	rapid.Check(t, func(t *rapid.T) {
		want := anyEvent(t)
		text := AppendStructured(nil, want)
		if !json.Valid(text) {
			t.Fatalf("no JSON: %s", text)
		}
		var got Event
		if err := d.DecodeStructured(text, &got); err != nil {
			t.Fatalf("%v in %s", err, text)
		}
		require.Equal(t, want.Clone(), got.Clone())
		require.Equal(t, text, AppendStructured(nil, &got))
		if !want.HasSequence && want.Type != EventDirectory {
			require.Equal(t, text, AppendEvent(nil, want.ContactCenter, want.Source, want.ID, want.Type, want.Subject, want.Time, want.Data))
		}
		if !want.HasSequence && want.Type == EventDirectory {
			require.Equal(t, text, AppendDirectoryEvent(nil, want.ContactCenter, want.Source, want.ID, want.DirectoryKind, want.Subject, want.Time, want.Data))
		}
	})
}

func TestRoundTrip_BothModesAgree(t *testing.T) {
	var d Decoder
	rapid.Check(t, func(t *rapid.T) {
		want := anyEvent(t)
		headers := []Header{{"ce_specversion", []byte("1.0")}, {"ce_id", []byte(want.ID)}, {"ce_source", []byte(want.Source)},
			{"ce_type", []byte(want.TypeName())}, {"ce_subject", []byte(want.Subject)}, {"ce_time", AppendTime(nil, want.Time)},
			{"ce_contactcenter", []byte(want.ContactCenter)}}
		if want.HasSequence {
			headers = append(headers, Header{"ce_sequence", []byte(fmt.Sprint(want.Sequence))})
		}
		var got Event
		if err := d.Decode(&Record{Headers: headers, Value: want.Data}, &got); err != nil {
			t.Fatal(err)
		}
		require.Equal(t, want.Clone(), got.Clone())
	})
}

func TestAppendString_AgreesWithTheStandardLibrary(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := string(rapid.SliceOf(rapid.Byte()).Draw(t, "bytes"))
		var got string
		require.NoError(t, json.Unmarshal(AppendString(nil, s), &got))
		require.Equal(t, string([]rune(s)), got)
	})
}

func TestData_GoesOnAfterBytes(t *testing.T) {
	d := NewData()
	require.Equal(t, `{}`, string(d.Bytes()))
	require.Equal(t, `{"a":1}`, string(d.Int("a", 1).Bytes()))
	require.Equal(t, `{"a":1,"b":["x","\"y\""]}`, string(d.Strings("b", []string{"x", `"y"`}).Bytes()))
	require.Equal(t, `{"c":false}`, string(d.Reset().Bool("c", false).Bytes()))
}

func TestEncode_AllocatesNothing(t *testing.T) {
	dst, d := make([]byte, 0, 1024), NewData()
	require.Zero(t, testing.AllocsPerRun(100, func() {
		data := d.Reset().String("agent_id", "agent-10023").String("role", "agent").Int("x", 5).Bytes()
		dst = AppendEvent(dst[:0], "6", "/sim", "e1", InteractionConnected, "i1", 1772356527123, data)
	}))
}

func TestEventHash_TellsTriplesApart(t *testing.T) {
	seen := map[uint64]string{}
	for _, ev := range []Event{{Source: "a", ID: "bc"}, {Source: "ab", ID: "c"}, {Source: "", ID: "abc"}, {Source: "abc"}, {Source: "a", ID: "bc", Time: 1},
		{Source: strings.Repeat("s", 1024), ID: "x"}, {Source: strings.Repeat("s", 1023), ID: "sx"}} {
		h := EventHash(&ev)
		require.NotContains(t, seen, h)
		seen[h] = ev.Source
		same := Event{Source: ev.Source, ID: ev.ID, Time: ev.Time, Subject: "other", Sequence: 5}
		require.Equal(t, h, EventHash(&same))
	}
}

func TestDirectoryKey_RoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cc, id := anyID.Draw(t, "cc"), anyID.Draw(t, "id")
		kind := rapid.SampledFrom(DirectoryKinds()).Draw(t, "kind")
		key := DirectoryKey(cc, kind, id)
		require.Equal(t, 2, strings.Count(key, "/"))
		gotCC, gotKind, gotID, err := ParseDirectoryKey(key)
		require.NoError(t, err)
		require.Equal(t, []string{cc, kind, id}, []string{gotCC, gotKind, gotID})
	})
}

func TestMurmur2Partition_IsKafkasDefault(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key := rapid.SliceOf(rapid.Byte()).Draw(t, "key")
		partitions := make([]int, rapid.IntRange(1, 200).Draw(t, "partitions"))
		for i := range partitions {
			partitions[i] = i
		}
		if key == nil {
			key = []byte{}
		}
		want := kafka.Murmur2Balancer{}.Balance(kafka.Message{Key: key}, partitions...)
		require.Equal(t, want, Murmur2Partition(key, len(partitions)))
	})
}

func TestCheckPartition(t *testing.T) {
	ev := &Event{ContactCenter: "6"}
	home := Murmur2Partition([]byte("6"), 12)
	require.NoError(t, CheckPartition(ev, home, 12))
	var v *Violation
	require.ErrorAs(t, CheckPartition(ev, (home+1)%12, 12), &v)
	require.Equal(t, CodeWrongPartition, v.Code)
}
