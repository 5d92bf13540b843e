package clarity

import (
	"strconv"
	"strings"

	"floorwalker/query/problem"
	"floorwalker/schema"
)

// modality is how the API groups channels (surfaces.md, section Clarity, Metric bags); its place in the bags is audio,
// instantMessage, message.
type modality int

const (
	audio modality = iota
	instantMessage
	message
	numModalities
)

var modalityNames = [numModalities]string{"audio", "instantMessage", "message"}

// modalityIDs are those of the specification.
var modalityIDs = [numModalities]int{2, 1, 3}

// modalityWords are the dictionary's, of sessions.
var modalityWords = [numModalities]string{"AudioVideo", "InstantMessage", "Message"}

func modalityOf(c schema.Channel) modality {
	switch c {
	case schema.ChannelVoice, schema.ChannelVideo, 0:
		return audio
	case schema.ChannelChat:
		return instantMessage
	}
	return message
}

// modalities reads the parameter of that name: names in any case or ids; none means all.
func (a args) modalities() (out [numModalities]bool, err error) {
	items, given := a.items("modalities", "modality")
	if !given {
		return [numModalities]bool{true, true, true}, nil
	}
	for _, item := range items {
		found := false
		for m := range numModalities {
			if strings.EqualFold(item, modalityNames[m]) || strings.EqualFold(item, modalityWords[m]) || item == strconv.Itoa(modalityIDs[m]) {
				out[m], found = true, true
			}
		}
		if !found {
			return out, problem.BadValue("modalities", item, "audio (2), instantMessage (1), message (3)")
		}
	}
	return out, nil
}
