// Package mask hides customers from those who need not know them: what an interaction says of its customer is made unreadable before
// anything of it is written, filtered or sorted for them. What is not known to be harmless is hidden.
package mask

import (
	"fmt"
	"slices"
	"strings"

	"github.com/valyala/fastjson"

	"floorwalker/schema"
)

// What may be shown all the same. Of a customer: Phone with the number that is to be displayed. Texts are messages, notes, what prompts
// and the IVR took in, and extra items; Links the URL that pops up and the GRUU.
const (
	ID      = "id"
	Name    = "name"
	Phone   = "phone"
	Texts   = "texts"
	Links   = "links"
	display = "display_phone"
)

var names = []string{ID, Name, Phone, "email", "address", "unique_identifier", "crt_object_id", "details", Texts, Links}

// Names lists what may be shown all the same.
func Names() []string { return slices.Clone(names) }

// Mask hides all but what it shows. A nil one hides nothing. Its methods may be called from any goroutine.
type Mask struct {
	show []string // sorted
}

// New makes a mask.
func New(show []string) (*Mask, error) {
	m := &Mask{show: slices.Sorted(slices.Values(show))}
	for n, name := range m.show {
		if !slices.Contains(names, name) {
			return nil, fmt.Errorf("mask: %q; allowed are %s", name, strings.Join(names, ", "))
		}
		if n > 0 && m.show[n-1] == name {
			return nil, fmt.Errorf("mask: %q is named twice", name)
		}
	}
	return m, nil
}

// Hides reports whether something of Names is hidden.
func (m *Mask) Hides(name string) bool { return m != nil && !slices.Contains(m.show, name) }

// Key is equal for masks that show the same.
func (m *Mask) Key() string {
	if m == nil {
		return ""
	}
	return "masked but " + strings.Join(m.show, ",")
}

// hidden stands for what is hidden.
const hidden = "***"

// shownDigits is how much of a number remains, of one that has fullDigits or more.
const (
	shownDigits = 4
	fullDigits  = 8
)

// phone leaves the last digits of a telephone number, of anything else nothing.
func phone(s string) string {
	digits := make([]byte, 0, len(s))
	for n := 0; n < len(s); n++ {
		switch b := s[n]; {
		case b >= '0' && b <= '9':
			digits = append(digits, b)
		case !strings.ContainsRune("+-()./ ", rune(b)):
			return hidden
		}
	}
	if len(digits) < fullDigits {
		return hidden
	}
	return hidden + string(digits[len(digits)-shownDigits:])
}

// Text is one of Names as it is shown, where it is no object: always a text, and empty only where there is none.
func (m *Mask) Text(name, s string) string {
	switch {
	case s == "" || !m.Hides(name):
		return s
	case name == Phone:
		return phone(s)
	}
	return hidden
}

// Customer is the customer object of an interaction as it is shown. What cannot be read is not shown.
func (m *Mask) Customer(raw []byte) []byte {
	if m == nil || len(raw) == 0 {
		return raw
	}
	return rewrite(raw, m.customer)
}

var (
	parsers fastjson.ParserPool
	arenas  fastjson.ArenaPool
)

// rewrite makes another object of one; nil where it is none.
func rewrite(raw []byte, to func(*fastjson.Value, *fastjson.Arena) *fastjson.Value) []byte {
	parser, arena := parsers.Get(), arenas.Get()
	defer func() {
		arena.Reset()
		arenas.Put(arena)
		parsers.Put(parser)
	}()
	v, err := parser.ParseBytes(raw)
	if err != nil || v.Type() != fastjson.TypeObject {
		return nil
	}
	return to(v, arena).MarshalTo(make([]byte, 0, len(raw)))
}

func (m *Mask) customer(v *fastjson.Value, arena *fastjson.Arena) *fastjson.Value {
	out := arena.NewObject()
	v.GetObject().Visit(func(key []byte, value *fastjson.Value) {
		name := string(key)
		switch known := slices.Contains(names, name) && name != Texts && name != Links; {
		case known && !m.Hides(name), name == display && !m.Hides(Phone):
		case value.Type() == fastjson.TypeNull && (known || name == display):
		case name == Phone || name == display:
			value = arena.NewString(phone(string(value.GetStringBytes())))
		case known:
			value = arena.NewString(hidden)
		default:
			return // a field that nobody knows: its name may tell as much as its value
		}
		out.Set(name, value)
	})
	return out
}

// Row is an interaction as lists show it: without annotations, which they do not hold. What it returns shares what is not hidden.
func (m *Mask) Row(i *schema.LiveInteraction) *schema.LiveInteraction {
	if m == nil {
		return i
	}
	out := *i
	out.Customer, out.Annotations = m.Customer(i.Customer), nil
	if m.Hides(Links) {
		out.ScreenPopURL, out.Gruu = hide(i.ScreenPopURL), hide(i.Gruu)
	}
	out.Notes = m.annotations(i.Notes)
	if m.Hides(Texts) {
		out.ExtraItems = slices.Clone(i.ExtraItems)
		for n := range out.ExtraItems {
			out.ExtraItems[n].Value = hide(out.ExtraItems[n].Value)
		}
	}
	return &out
}

// Interaction is an interaction as it is shown whole.
func (m *Mask) Interaction(i *schema.LiveInteraction) *schema.LiveInteraction {
	out := m.Row(i)
	if m != nil {
		out.Annotations = m.annotations(i.Annotations)
	}
	return out
}

func hide(s string) string {
	if s == "" {
		return ""
	}
	return hidden
}

func (m *Mask) annotations(all []schema.Annotation) []schema.Annotation {
	out := slices.Clone(all)
	for n := range out {
		out[n].Data = rewrite(out[n].Data, m.payload)
	}
	return out
}

var plain, texts = schema.PlainFields(), schema.TextFields()

// payload is what an interaction event said, as it is shown.
func (m *Mask) payload(v *fastjson.Value, arena *fastjson.Arena) *fastjson.Value {
	out := arena.NewObject()
	v.GetObject().Visit(func(key []byte, value *fastjson.Value) {
		switch name := string(key); {
		case slices.Contains(plain, name), value.Type() == fastjson.TypeNull:
			out.Set(name, value)
		case slices.Contains(texts, name):
			if m.Hides(Texts) {
				value = arena.NewString(hidden)
			}
			out.Set(name, value)
		case name == "customer" && value.Type() == fastjson.TypeObject:
			out.Set(name, m.customer(value, arena))
		case name == "screen_pop_url" || name == "gruu":
			if m.Hides(Links) {
				value = arena.NewString(hidden)
			}
			out.Set(name, value)
		}
	})
	return out
}
