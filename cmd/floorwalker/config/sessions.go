package config

import "time"

// Sessions are those of browsers that have signed in. With one key all query nodes share them.
type Sessions struct {
	KeyFile  string        `yaml:"key_file"` // what sessions of browsers are sealed with, 32 bytes or more; without one a key is made at each start
	KeyEnv   string        `yaml:"key_env"`  // or an environment variable that holds it
	Idle     time.Duration `yaml:"idle"`     // how long a session lasts without a request; 2m or more
	Lifetime time.Duration `yaml:"lifetime"` // how long it lasts in all; at most 31d
}

// Bounds of sessions.
const (
	minSessionIdle     = 2 * time.Minute
	maxSessionLifetime = 31 * 24 * time.Hour
)

// Key returns what sessions are sealed with, "" where none is configured.
func (s Sessions) Key() (string, error) { return optionalSecret(s.KeyFile, s.KeyEnv) }

func (s *Sessions) validate(f *faults) {
	newCredentials(f).signingKey("query.sessions", "key", s.KeyFile, s.KeyEnv)
	f.lasting("query.sessions.idle", s.Idle, minSessionIdle, maxSessionLifetime)
	f.lasting("query.sessions.lifetime", s.Lifetime, minSessionIdle, maxSessionLifetime)
	if s.Lifetime < s.Idle {
		f.add("query.sessions.lifetime", "%s is shorter than query.sessions.idle, %s", s.Lifetime, s.Idle)
	}
}
