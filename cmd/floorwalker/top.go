package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/gdamore/tcell/v2"
	"github.com/mattn/go-isatty"
	"github.com/spf13/cobra"

	"floorwalker/cmd/floorwalker/top"
	"floorwalker/schema"
)

// tokenVariable names the environment's variable that may hold the token.
const tokenVariable = "FLOORWALKER_TOKEN"

type topOptions struct {
	url, tokenFile, data, contactCenter string
	once                                bool
	format, filter, sort                string
	longerThan                          map[string]string
}

func newTop() *cobra.Command {
	var o topOptions
	cmd := &cobra.Command{
		Use:   "top",
		Short: "Show the floor in a terminal",
		Long: "Shows queues, agents by status, rates, and who is too long in a status, of a running Floorwalker, over its public API and push.\n" +
			"The token comes from --token-file or the environment's " + tokenVariable + "; without --url it is the demo's of DATA/" + demoFileName + ".\n" +
			"Keys are named in the last line. --once prints and ends, for scripts. NO_COLOR is respected.",
		Example: "  floorwalker top\n  floorwalker top --url https://floor.example --token-file reader.token --contact-center 6\n" +
			"  floorwalker top --once --format=json | jq '.total.waiting'",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context(), cmd.OutOrStdout()) },
	}
	f := cmd.Flags()
	f.StringVar(&o.url, "url", "", "where the API is, such as https://floor.example; a running demo's if not given")
	f.StringVar(&o.tokenFile, "token-file", "", "file that holds the token; read again at each connection")
	f.StringVar(&o.data, "data", "./data", "the data directory of the demo, without --url")
	f.StringVar(&o.contactCenter, "contact-center", "", "whose floor; the demo's if not given")
	f.BoolVar(&o.once, "once", false, "print the floor as it is now, and end")
	f.StringVar(&o.format, "format", "text", "of --once: text or json")
	f.StringVar(&o.filter, "filter", "", "only queues and agents whose name, team or status holds this")
	f.StringVar(&o.sort, "sort", top.SortKeys()[0], "order of queues: "+strings.Join(top.SortKeys(), ", ")+"; with :asc or :desc")
	f.StringToStringVar(&o.longerThan, "longer-than", nil, "how long is too long, by status: break=15m,wrap=2m; 0 for never")
	return cmd
}

func (o *topOptions) run(ctx context.Context, out io.Writer) error {
	if o.format != "text" && o.format != "json" {
		return fmt.Errorf("--format %q: text or json is allowed", o.format)
	}
	limits, err := o.limits()
	if err != nil {
		return err
	}
	client, contactCenter, err := o.client()
	if err != nil {
		return err
	}
	m := top.NewModel(contactCenter, limits, time.Now())
	if err := m.Look(o.filter, o.sort); err != nil {
		return fmt.Errorf("--sort: %w", err)
	}
	if !o.once && !isTerminal(out) {
		return errors.New("the output is no terminal; --once prints the floor as it is now")
	}
	// A wrong token or address is said before the screen is taken.
	if err := readOnce(ctx, client, m); err != nil {
		return err
	}
	switch {
	case !o.once:
		return o.show(ctx, client, m)
	case o.format == "json":
		return m.WriteJSON(out)
	}
	return m.WriteText(out, textWidth, time.Local)
}

// textWidth of --once --format=text, whatever the terminal's is: for eyes and for mails.
const textWidth = 100

func readOnce(ctx context.Context, client *top.Client, m *top.Model) error {
	var failed error
	err := client.Poll(ctx, func(msg top.Message) { failed = cmp.Or(failed, m.Apply(msg)) })
	return errors.Join(err, failed, m.Apply(top.Tick{Now: time.Now()}))
}

func (o *topOptions) show(ctx context.Context, client *top.Client, m *top.Model) error {
	screen, err := tcell.NewScreen()
	if err != nil {
		return fmt.Errorf("terminal TERM=%q: %w", os.Getenv("TERM"), err)
	}
	return top.Show(ctx, screen, m, top.Settings{Colour: os.Getenv("NO_COLOR") == "", Zone: time.Local}, client.Follow)
}

func isTerminal(out io.Writer) bool {
	file, ok := out.(*os.File)
	return ok && isatty.IsTerminal(file.Fd())
}

// limits are the usual ones, and those of --longer-than.
func (o *topOptions) limits() (top.Limits, error) {
	limits := top.DefaultLimits()
	for status, text := range o.longerThan {
		d, err := time.ParseDuration(text)
		if err != nil || d < 0 {
			return nil, fmt.Errorf("--longer-than %s=%s: a duration such as 90s, 15m or 1h30m is allowed", status, text)
		}
		if _, ok := schema.ParseStatus(status); !ok {
			return nil, fmt.Errorf("--longer-than: status %q; allowed: %s", status, strings.Join(schema.StatusNames(), ", "))
		}
		limits[status] = d
		if d == 0 {
			delete(limits, status)
		}
	}
	return limits, nil
}

func (o *topOptions) client() (*top.Client, string, error) {
	address, contactCenter := o.url, o.contactCenter
	token := o.token
	if o.url == "" {
		d, err := readDemo(o.data)
		if err != nil {
			return nil, "", fmt.Errorf("no --url, and no demo: %w", err)
		}
		address, contactCenter = d.URL, cmp.Or(contactCenter, d.ContactCenter)
		if o.tokenFile == "" && os.Getenv(tokenVariable) == "" {
			token = func() (string, error) { return d.Tokens["reader"], nil }
		}
	}
	if _, err := token(); err != nil {
		return nil, "", err
	}
	client, err := top.NewClient(address, contactCenter, token, nil, top.Times{})
	return client, contactCenter, err
}

// token is never an argument: those can be read by everybody on the machine.
func (o *topOptions) token() (string, error) {
	text := os.Getenv(tokenVariable)
	if o.tokenFile != "" {
		raw, err := os.ReadFile(o.tokenFile)
		if err != nil {
			return "", fmt.Errorf("--token-file: %w", err)
		}
		text = string(raw)
	}
	if text = strings.TrimSpace(text); text == "" {
		return "", fmt.Errorf("no token: --token-file or %s says it", tokenVariable)
	}
	return text, nil
}
