package schema

import "cmp"

// Lay puts one annotation over an interaction's row; they must come in the order of the event contract, the newest last. said is
// the annotation decoded, which only updated, recording, disposition and extra_item need.
func (i *LiveInteraction) Lay(a *Annotation, said *Event) {
	i.Annotations = append(i.Annotations, *a)
	if a.Type == InteractionNote {
		i.Notes = append(i.Notes, *a)
	}
	i.Replace(a, said)
}

// Replace is Lay without keeping the annotation: what it replaces in the row.
func (i *LiveInteraction) Replace(a *Annotation, said *Event) {
	switch a.Type {
	case InteractionUpdated:
		i.update(said)
	case InteractionRecording:
		if said.Active != i.Recording {
			i.Recording, i.RecordingSince = said.Active, a.Time
		}
		if !i.Recording {
			i.RecordingSince = NoTime
		}
		i.RecordAllowed = said.Allowed
	case InteractionDisposition:
		i.Disposition, i.SubDisposition = said.DispositionID, said.SubDispositionID
	case InteractionExtraItem:
		i.setItem(a, said)
	}
}

func (i *LiveInteraction) setItem(a *Annotation, said *Event) {
	item := ExtraItem{ID: said.ItemID, Name: said.Name, Value: said.Value, Searchable: said.Searchable, Time: a.Time, Source: a.Source}
	for k := range i.ExtraItems {
		if o := &i.ExtraItems[k]; o.ID == item.ID && (item.ID != "" || o.Name == item.Name) {
			*o = item
			return
		}
	}
	i.ExtraItems = append(i.ExtraItems, item)
}

// update replaces what an updated event names; of a customer, field by field.
func (i *LiveInteraction) update(ev *Event) {
	for _, f := range []struct {
		field Field
		to    *string
		value string
	}{{HasCallID, &i.CallID, ev.CallID}, {HasChatID, &i.ChatID, ev.ChatID}, {HasCallFlowID, &i.CallFlow, ev.CallFlowID},
		{HasScreenPopURL, &i.ScreenPopURL, ev.ScreenPopURL}, {HasGruu, &i.Gruu, ev.Gruu}, {HasCampaignID, &i.Campaign, ev.CampaignID}} {
		if ev.Has&f.field != 0 {
			*f.to = f.value
		}
	}
	if ev.Has&HasCanRecord != 0 {
		i.CanRecord = ev.CanRecord
	}
	if ev.Has&HasCustomer != 0 {
		i.Customer = MergeObjects(i.Customer, ev.Customer)
	}
}

// Event makes the event again that an annotation was; its memory is the annotation's.
func (a *Annotation) Event() *Event {
	return &Event{ContactCenter: a.ContactCenter, ID: a.ID, Source: a.Source, Subject: a.Interaction, Type: a.Type, Time: a.Time,
		Sequence: a.Sequence, HasSequence: a.HasSequence, Data: a.Data}
}

// CompareAnnotations is the order within one interaction: time, those with a sequence first, sequence, offset.
func CompareAnnotations(a, b Annotation) int {
	if a.HasSequence != b.HasSequence && a.Time == b.Time {
		if a.HasSequence {
			return -1
		}
		return 1
	}
	return cmp.Or(cmp.Compare(a.Time, b.Time), cmp.Compare(a.Sequence, b.Sequence), cmp.Compare(a.Offset, b.Offset))
}
