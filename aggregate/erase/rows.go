package erase

import (
	"context"
	"encoding/json"
	"slices"

	ch "github.com/ClickHouse/clickhouse-go/v2"

	"floorwalker/schema"
)

// erased is a payload without what tells of a customer.
const erased = `if(data = '', '', concat('{', arrayStringConcat(arrayMap(f -> concat(toJSONString(f.1), ':', if(has({texts:Array(String)}, f.1), {word:String}, f.2)),
 arrayFilter(f -> has({plain:Array(String)}, f.1) OR has({texts:Array(String)}, f.1) AND f.2 != 'null', JSONExtractKeysAndValuesRaw(data))), ','), '}'))`

// each calls do with the condition for some of the interactions, whose id and moment stand in these columns.
func (r *run) each(ctx context.Context, id, time string, do func(where string, args []any) error) error {
	for part := range slices.Chunk(r.spans, chunk) {
		var ids []string
		var froms, untils []int64
		for _, s := range part {
			ids, froms, untils = append(ids, s.id), append(froms, s.from), append(untils, s.until)
		}
		word, err := json.Marshal(Word)
		if err != nil {
			return err
		}
		at := "toUnixTimestamp64Milli(" + time + ")"
		err = do("contact_center = {cc:String} AND "+id+" IN {ids:Array(String)} AND arrayExists((i, f, u) -> i = "+id+" AND "+at+" >= f AND "+at+" < u,"+
			" {ids:Array(String)}, {froms:Array(Int64)}, {untils:Array(Int64)})", []any{ch.Named("cc", r.ContactCenter), ch.Named("ids", ids),
			ch.Named("froms", froms), ch.Named("untils", untils), ch.Named("plain", schema.PlainFields()), ch.Named("texts", schema.TextFields()), ch.Named("word", string(word))})
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *run) events(ctx context.Context) error {
	return r.each(ctx, "subject", "time", func(where string, args []any) error {
		return r.exec(ctx, "events", "data = "+erased, where+" AND startsWith(type, 'cc.interaction.') AND data != "+erased, args)
	})
}

func (r *run) annotations(ctx context.Context) error {
	return r.each(ctx, "interaction", "time", func(where string, args []any) error {
		return r.exec(ctx, "annotations", "data = "+erased, where+" AND data != "+erased, args)
	})
}

func (r *run) interactions(ctx context.Context) error {
	return r.each(ctx, "id", "start", func(where string, args []any) error {
		return r.exec(ctx, "interactions", "customer = '', screen_pop_url = '', gruu = ''", where+" AND concat(customer, screen_pop_url, gruu) != ''", args)
	})
}

// deadLetters empties the records that could not be read and hold a text that tells of the customers. Which contact centre they are of may
// be unreadable too: it is in the key, or somewhere in the record.
func (r *run) deadLetters(ctx context.Context) error {
	var marks []string
	for _, m := range r.marks {
		marks = append(marks, forms(m)...)
	}
	if len(marks) == 0 {
		return nil
	}
	for part := range slices.Chunk(marks, 200) { // multiSearchAny takes 255
		err := r.exec(ctx, "dead_letters", "value = '', headers = [], error = 'erased'", "(key = {cc:String} OR position(value, {cc:String}) > 0 OR"+
			" arrayExists(h -> h.2 = {cc:String}, headers)) AND (multiSearchAny(value, {marks:Array(String)}) OR multiSearchAny(error, {marks:Array(String)}))",
			[]any{ch.Named("cc", r.ContactCenter), ch.Named("marks", part)})
		if err != nil {
			return err
		}
	}
	return nil
}

// minPlain is how long a text must be to be looked for without quotation marks around it: shorter ones stand in other records by chance.
const minPlain = 6

// forms are how a text may stand in a record.
func forms(s string) []string {
	quoted, _ := json.Marshal(s) // of a text: never fails
	out := []string{string(quoted), `"` + s + `"`}
	if len(s) >= minPlain {
		out = append(out, s)
	}
	slices.Sort(out)
	return slices.Compact(out)
}
