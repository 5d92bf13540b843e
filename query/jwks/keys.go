package jwks

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/go-jose/go-jose/v4"

	"floorwalker/query/auth"
)

const (
	maxSet  = 256 << 10 // bytes of a JWK Set
	maxKeys = 100       // of a set
	minRSA  = 2048      // bits
)

// keys are those of one issuer. Nobody fetches them beside the requests: the first that finds them old or does not find its own asks
// for them, and whoever does not need new ones goes on meanwhile with those that are there.
type keys struct {
	issuer  string
	options Options
	read    func(ctx context.Context) ([]byte, error)
	fetches *metrics.Counter
	failed  *metrics.Counter

	mu       sync.Mutex
	set      []jose.JSONWebKey // nil before the first fetch
	fetched  time.Time         // when the set was read
	tried    time.Time
	fetching chan struct{} // closed when the fetch that goes on has ended; nil where none does
}

func newKeys(of Issuer, o Options) (*keys, error) {
	k := &keys{issuer: of.Issuer, options: o, fetches: o.Metrics.GetOrCreateCounter("floorwalker_identity_fetches_total"),
		failed: o.Metrics.GetOrCreateCounter("floorwalker_identity_fetch_failures_total")}
	switch {
	case (of.URL == "") == (of.File == ""):
		return nil, fmt.Errorf("exactly one of URL and file of its keys is needed")
	case of.File != "":
		k.read = func(context.Context) ([]byte, error) { return readFile(of.File) }
		return k, nil
	}
	if err := CheckURL(of.URL); err != nil {
		return nil, err
	}
	k.read = func(ctx context.Context) ([]byte, error) { return get(ctx, o.Client, of.URL) }
	return k, nil
}

// CheckURL refuses URLs of keys that anybody on the way could exchange.
func CheckURL(s string) error {
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.Fragment != "":
		return fmt.Errorf("%q is not https://host/path", s)
	case u.Scheme == "https", u.Scheme == "http" && loopback(u.Hostname()):
		return nil
	}
	return fmt.Errorf("%q is not https; http is for this machine alone", s)
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func readFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return bounded(f)
}

func get(ctx context.Context, client *http.Client, from string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, from, nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", "application/jwk-set+json, application/json")
	answer, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("status %d", answer.StatusCode)
	}
	return bounded(answer.Body)
}

func bounded(r io.Reader) ([]byte, error) {
	raw, err := io.ReadAll(io.LimitReader(r, maxSet+1))
	if err == nil && len(raw) > maxSet {
		err = fmt.Errorf("the set of keys is larger than %d bytes", maxSet)
	}
	return raw, err
}

// parse keeps the keys of a set that can check signatures here; a set may hold others, also of kinds that are not known.
func parse(raw []byte) ([]jose.JSONWebKey, error) {
	var document struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(raw, &document); err != nil {
		return nil, fmt.Errorf("it is no JWK Set: %w", err)
	}
	if len(document.Keys) > maxKeys {
		return nil, fmt.Errorf("%d keys; at most %d are read", len(document.Keys), maxKeys)
	}
	set := []jose.JSONWebKey{}
	for _, one := range document.Keys {
		var k jose.JSONWebKey
		if json.Unmarshal(one, &k) == nil && k.IsPublic() && (k.Use == "" || k.Use == "sig") && methods(&k) != "" {
			set = append(set, k)
		}
	}
	if len(set) == 0 {
		return nil, fmt.Errorf("none of its %d keys can check a signature; allowed are RSA of %d bits or more, P-256 and Ed25519", len(document.Keys), minRSA)
	}
	return set, nil
}

// methods are the algorithms that a key is good for, with a space at each end; empty where it is for none.
func methods(k *jose.JSONWebKey) string {
	switch key := k.Key.(type) {
	case *rsa.PublicKey:
		if key.N.BitLen() >= minRSA {
			return " RS256 PS256 "
		}
	case *ecdsa.PublicKey:
		if key.Curve == elliptic.P256() {
			return " ES256 "
		}
	case ed25519.PublicKey:
		return " EdDSA "
	}
	return ""
}

// fits reports whether a key may check a signature of the algorithm. The key says what it is for, the token's header nothing.
func fits(k *jose.JSONWebKey, alg string) bool {
	return strings.Contains(methods(k), " "+alg+" ") && (k.Algorithm == "" || k.Algorithm == alg)
}

// find is the key of that id, fetched where it is not known; a token without an id is for sets of one key.
func (k *keys) find(ctx context.Context, kid, alg string) (any, error) {
	for asked := false; ; asked = true {
		key, wait, fetch := k.look(kid, alg, asked)
		switch {
		case fetch:
			k.fetch(ctx)
		case wait != nil:
			select {
			case <-wait:
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		case key != nil:
			return key, nil
		default:
			return nil, k.missing()
		}
	}
}

// look tells what is to be done: use the key, wait for the fetch that goes on, or fetch.
func (k *keys) look(kid, alg string, asked bool) (key any, wait <-chan struct{}, fetch bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for n := range k.set {
		if one := &k.set[n]; (one.KeyID == kid || kid == "" && len(k.set) == 1) && fits(one, alg) {
			key = one.Key
		}
	}
	now := k.options.Now()
	old := k.fetched.IsZero() || now.Sub(k.fetched) >= k.options.Refresh
	switch {
	case asked || key != nil && !old:
		return key, nil, false
	case k.fetching != nil && key == nil:
		return nil, k.fetching, false
	case k.fetching != nil || !k.tried.IsZero() && now.Sub(k.tried) < k.options.Pause:
		return key, nil, false
	}
	k.tried, k.fetching = now, make(chan struct{})
	return nil, nil, true
}

func (k *keys) missing() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.set == nil {
		return fmt.Errorf("%w: the keys of %s", auth.ErrUnavailable, k.issuer)
	}
	return &keyError{"its key is none of the issuer's, or not for this algorithm"}
}

// fetch reads the keys anew; where that fails, those that are there go on. It is not the caller's alone, whose going must not end it.
func (k *keys) fetch(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), k.options.Timeout)
	defer cancel()
	var set []jose.JSONWebKey
	raw, err := k.read(ctx)
	if err == nil {
		set, err = parse(raw)
	}
	k.fetches.Inc()
	if err != nil {
		k.failed.Inc()
		k.options.Log.Warn("keys of an identity provider cannot be had", "issuer", k.issuer, "error", err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if err == nil {
		k.set, k.fetched = set, k.options.Now()
	}
	close(k.fetching)
	k.fetching = nil
}
