package alert

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Headers of a post.
const (
	// SignatureHeader is `t=<Unix seconds>,v1=<hex of HMAC-SHA256 over "<t>.<body>">`.
	SignatureHeader = "Floorwalker-Signature"
	// IdempotencyHeader is `<alert's id>.<state>`: the same for every repetition of a post.
	IdempotencyHeader = "Idempotency-Key"
)

// Hook is where rules may post to by its name.
type Hook struct {
	Name   string
	URL    string
	Secret string // signs the posts; 32 bytes or more
}

// WebhookConfig says where alerts may be posted to. Zero durations take the default.
type WebhookConfig struct {
	Hooks []Hook
	// AllowURLs are what a URL that a rule itself names has to begin with: scheme, host and whole segments of the path. Secret signs the
	// posts to these.
	AllowURLs []string
	Secret    string
	// AllowNetworks may be posted to although they are loopback, link-local, private or otherwise not of the public internet.
	AllowNetworks []netip.Prefix

	Timeout time.Duration // of one attempt; 10 s
	GiveUp  time.Duration // how long after its transition a post is tried; 1 h
	// The pause before another attempt doubles from the first to the longest one; each is drawn from its upper half.
	FirstPause   time.Duration // 1 s
	LongestPause time.Duration // 5 min
}

// minSecret is how many bytes a secret needs at least.
const minSecret = 32

// maxAnswer is how much of an answer is read, so that the connection can be used again.
const maxAnswer = 64 << 10

// Webhooks posts alerts. Its methods may be called from any goroutine.
type Webhooks struct {
	cfg    WebhookConfig
	hooks  map[string]target
	allow  []*url.URL
	client *http.Client
}

// target is where a post goes.
type target struct {
	name   string // for logs: what a URL's path holds may be a secret
	url    string
	secret []byte
}

// NewWebhooks refuses what could never be posted to. Without hooks and allowed URLs no rule can name one.
func NewWebhooks(cfg WebhookConfig) (*Webhooks, error) {
	for _, d := range []struct {
		d  *time.Duration
		of time.Duration
	}{{&cfg.Timeout, 10 * time.Second}, {&cfg.GiveUp, time.Hour}, {&cfg.FirstPause, time.Second}, {&cfg.LongestPause, 5 * time.Minute}} {
		if *d.d == 0 {
			*d.d = d.of
		}
	}
	w := &Webhooks{cfg: cfg, hooks: map[string]target{}}
	var faults []error
	for i, h := range cfg.Hooks {
		at := fmt.Sprintf("hooks[%d]", i)
		if h.Name == "" || strings.Contains(h.Name, "://") {
			faults = append(faults, fmt.Errorf("%s.name: %q, a name that is no URL is needed", at, h.Name))
		}
		if _, twice := w.hooks[h.Name]; twice {
			faults = append(faults, fmt.Errorf("%s.name: %q is named twice", at, h.Name))
		}
		if _, err := parseURL(h.URL); err != nil {
			faults = append(faults, fmt.Errorf("%s.url: %w", at, err))
		}
		if len(h.Secret) < minSecret {
			faults = append(faults, fmt.Errorf("%s: a secret of %d bytes, at least %d are needed", at, len(h.Secret), minSecret))
		}
		w.hooks[h.Name] = target{h.Name, h.URL, []byte(h.Secret)}
	}
	for i, s := range cfg.AllowURLs {
		u, err := parseURL(s)
		if err != nil {
			faults = append(faults, fmt.Errorf("allow_urls[%d]: %w", i, err))
			continue
		}
		w.allow = append(w.allow, u)
	}
	if len(cfg.AllowURLs) > 0 && len(cfg.Secret) < minSecret {
		faults = append(faults, fmt.Errorf("allow_urls: a secret of %d bytes signs posts to them, at least %d are needed", len(cfg.Secret), minSecret))
	}
	w.client = &http.Client{
		Timeout:       cfg.Timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			Proxy:               nil, // a proxy would resolve the name itself
			DialContext:         (&net.Dialer{Timeout: cfg.Timeout, Control: w.control}).DialContext,
			TLSHandshakeTimeout: cfg.Timeout, IdleConnTimeout: time.Minute, MaxIdleConnsPerHost: 1, ForceAttemptHTTP2: true,
		},
	}
	return w, errors.Join(faults...)
}

func parseURL(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "":
		return nil, fmt.Errorf("%q is not http://host/… or https://host/…", shown(s))
	case u.User != nil || u.Fragment != "":
		return nil, fmt.Errorf("the URL at %q has a user or a fragment, which are not sent", u.Host)
	case strings.Contains(u.Path, `\`) || slices.ContainsFunc(strings.Split(u.Path, "/"), func(s string) bool { return s == "." || s == ".." }):
		return nil, fmt.Errorf("the URL at %q has steps such as .. in its path", u.Host)
	}
	return u, nil
}

// shown is as much of a URL as may be told: what comes after the host may be a secret.
func shown(s string) string {
	scheme, rest, found := strings.Cut(s, "://")
	if !found {
		return scheme[:min(len(scheme), 64)]
	}
	host, _, _ := strings.Cut(rest, "/")
	return scheme + "://" + host[strings.LastIndexByte(host, '@')+1:] + "/…"
}

// target finds where a rule's webhook goes: a hook of the configuration by name, else a URL that is allowed.
func (w *Webhooks) target(webhook string) (target, error) {
	if t, ok := w.hooks[webhook]; ok {
		return t, nil
	}
	u, err := parseURL(webhook)
	if err != nil {
		return target{}, errors.New("neither a configured hook's name nor an http or https URL")
	}
	for _, allowed := range w.allow {
		if u.Scheme == allowed.Scheme && strings.EqualFold(hostPort(u), hostPort(allowed)) && below(u.Path, allowed.Path) {
			return target{u.Scheme + "://" + u.Host, webhook, []byte(w.cfg.Secret)}, nil
		}
	}
	return target{}, errors.New("no allowed URL begins it")
}

func hostPort(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return net.JoinHostPort(u.Hostname(), port)
}

// below compares whole segments.
func below(path, prefix string) bool {
	prefix = strings.TrimSuffix(prefix, "/")
	return path == prefix || strings.HasPrefix(path, prefix+"/")
}

// errNotAllowed is of an address that no post may go to: trying again does not help.
var errNotAllowed = errors.New("the address is not one of the public internet, and none that alerts.webhooks.allow_networks names")

// control judges the address that a connection is about to be made to, after the name has been resolved: a name may lead somewhere else
// each time it is asked for.
func (w *Webhooks) control(_, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("%w: %q", errNotAllowed, address)
	}
	ip := at.Addr().Unmap().WithZone("")
	if slices.ContainsFunc(w.cfg.AllowNetworks, func(p netip.Prefix) bool { return p.Contains(ip) }) || public(ip) {
		return nil
	}
	return fmt.Errorf("%w: %s", errNotAllowed, ip)
}

// special are the networks that are neither loopback, link-local nor private and still lead to no public host, or to another address that
// is hidden inside (RFC 6890, 6052, 3056, 4380).
var special = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("192.88.99.0/24"), netip.MustParsePrefix("198.18.0.0/15"),
	netip.MustParsePrefix("198.51.100.0/24"), netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("64:ff9b::/96"), netip.MustParsePrefix("64:ff9b:1::/48"), netip.MustParsePrefix("100::/64"),
	netip.MustParsePrefix("2001::/23"), netip.MustParsePrefix("2001:db8::/32"), netip.MustParsePrefix("2002::/16"),
	netip.MustParsePrefix("fec0::/10"), netip.MustParsePrefix("::/96"),
}

func public(ip netip.Addr) bool {
	return ip.IsGlobalUnicast() && !ip.IsPrivate() && !slices.ContainsFunc(special, func(p netip.Prefix) bool { return p.Contains(ip) })
}

// Sign is the value of SignatureHeader for a body that is sent at a moment.
func Sign(secret []byte, at time.Time, body []byte) string {
	t := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(t + "."))
	mac.Write(body)
	return "t=" + t + ",v1=" + hex.EncodeToString(mac.Sum(nil))
}

// post makes one attempt. Any answer of 2xx is success.
func (w *Webhooks) post(ctx context.Context, t target, key string, body []byte, now time.Time) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, t.url, bytes.NewReader(body))
	if err != nil {
		return errors.New("the URL cannot be posted to")
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "floorwalker")
	req.Header.Set(IdempotencyHeader, key)
	req.Header.Set(SignatureHeader, Sign(t.secret, now, body))
	res, err := w.client.Do(req)
	if err != nil {
		var told *url.Error
		if errors.As(err, &told) {
			err = told.Err // without the URL
		}
		return err
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, maxAnswer)) // what it says matters to nobody
	if res.StatusCode < 200 || res.StatusCode > 299 {
		return fmt.Errorf("answered %d", res.StatusCode)
	}
	return nil
}
