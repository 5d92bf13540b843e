// Package top shows the floor of a contact centre in a terminal, over the public API and its push: a Client brings messages, a Model
// is a function of them, and Show draws it.
package top

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/gdamore/tcell/v2"
)

// Settings of a screen.
type Settings struct {
	Colour bool // else what stands out is bold or reversed
	Zone   *time.Location
	Now    func() time.Time // nil: time.Now
}

// redrawEvery bounds how often changes of the floor are drawn; keys are answered at once.
const redrawEvery = 200 * time.Millisecond

// Show draws the model until the user leaves or ctx ends. follow brings messages until its context ends; Show waits for it. The screen
// is given back as it was however this ends, panics included.
func Show(ctx context.Context, screen tcell.Screen, m *Model, s Settings, follow func(context.Context, func(Message))) (err error) {
	if s.Now == nil {
		s.Now = time.Now
	}
	if err := screen.Init(); err != nil {
		return fmt.Errorf("terminal: %w", err)
	}
	ctx, stop := context.WithCancel(ctx)
	messages, keys, done := make(chan Message), make(chan tcell.Event), make(chan struct{})
	var running sync.WaitGroup
	defer running.Wait()
	defer screen.Fini() // ends ChannelEvents too
	defer close(done)
	defer stop()
	running.Go(func() {
		follow(ctx, func(msg Message) {
			select {
			case messages <- msg:
			case <-ctx.Done():
			}
		})
	})
	running.Go(func() { screen.ChannelEvents(keys, done) })
	return loop(ctx, screen, m, s, messages, keys)
}

func loop(ctx context.Context, screen tcell.Screen, m *Model, s Settings, messages <-chan Message, keys <-chan tcell.Event) error {
	redraw := time.NewTicker(redrawEvery)
	defer redraw.Stop()
	_ = m.Apply(Tick{s.Now()})
	paint(screen, m, s)
	for dirty, second := false, m.now.Unix(); ; {
		select {
		case <-ctx.Done():
			return nil
		case event, open := <-keys:
			if !open {
				return errors.New("the terminal is gone")
			}
			take(screen, m, event)
			if m.Quit() {
				return nil
			}
			paint(screen, m, s)
		case msg := <-messages:
			if c, ok := msg.(crash); ok {
				return errors.New("panic: " + c.text)
			}
			if err := m.Apply(msg); err != nil {
				return err
			}
			dirty = true
		case <-redraw.C:
			now := s.Now()
			_ = m.Apply(Tick{now})
			if dirty || now.Unix() != second { // what ticks shows seconds
				dirty, second = false, now.Unix()
				paint(screen, m, s)
			}
		}
	}
}

// take is what the terminal says: a key, or another size, which the next drawing asks for.
func take(screen tcell.Screen, m *Model, event tcell.Event) {
	switch event := event.(type) {
	case *tcell.EventKey:
		_ = m.Apply(keyOfEvent(event)) // keys are never refused
	case *tcell.EventResize:
		screen.Sync()
	}
}

var keyNames = map[tcell.Key]Key{tcell.KeyUp: "up", tcell.KeyDown: "down", tcell.KeyPgUp: "pgup", tcell.KeyPgDn: "pgdn", tcell.KeyHome: "home",
	tcell.KeyEnd: "end", tcell.KeyTab: "tab", tcell.KeyEnter: "enter", tcell.KeyEscape: "esc", tcell.KeyBackspace: "backspace",
	tcell.KeyBackspace2: "backspace", tcell.KeyCtrlC: "ctrl-c"}

func keyOfEvent(e *tcell.EventKey) Key {
	if e.Key() == tcell.KeyRune {
		return Key(string(e.Rune()))
	}
	return keyNames[e.Key()]
}

func paint(screen tcell.Screen, m *Model, s Settings) {
	width, height := screen.Size()
	screen.Clear()
	for y, line := range m.Draw(width, height, s.Zone) {
		x := 0
		for _, span := range line {
			style := styleOf(span.Look, s.Colour)
			for rest := span.Text; rest != "" && x < width; {
				var used int
				rest, used = screen.Put(x, y, rest, style)
				if used == 0 {
					break
				}
				x += used
			}
		}
	}
	screen.Show()
}

func styleOf(l Look, colour bool) tcell.Style {
	style := tcell.StyleDefault
	switch l {
	case Bold:
		return style.Bold(true)
	case Dim:
		if colour {
			return style.Foreground(tcell.ColorTeal).Bold(true)
		}
		return style.Bold(true)
	case Warn:
		if colour {
			return style.Foreground(tcell.ColorRed).Bold(true)
		}
		return style.Bold(true).Underline(true)
	case Reverse:
		return style.Reverse(true)
	case Alarm:
		if colour {
			return style.Foreground(tcell.ColorWhite).Background(tcell.ColorRed).Bold(true)
		}
		return style.Reverse(true).Bold(true)
	}
	return style
}

// trimmed is a line's text without the spaces at its end.
func trimmed(l Line) string { return strings.TrimRight(l.String(), " ") }
