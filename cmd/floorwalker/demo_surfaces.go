package main

import (
	"strings"

	"github.com/google/uuid"

	"floorwalker/cmd/floorwalker/config"
	"floorwalker/ingest/simulate"
	"floorwalker/query/auth"
)

// demoSurfaces are the vendors' credentials of a demo, in the vendors' own words.
type demoSurfaces struct {
	Ameyo struct {
		User     string `json:"user"`
		Password string `json:"password"`
	} `json:"ameyo"`
	Convoso struct {
		AuthToken string `json:"auth_token"`
	} `json:"convoso"`
	Exotel struct {
		AccountSID  string `json:"account_sid"`
		APIKey      string `json:"api_key"`
		APIToken    string `json:"api_token"`
		AccessToken string `json:"access_token"`
	} `json:"exotel"`
	Vonage struct {
		ClientID     string `json:"client_id"`
		ClientSecret string `json:"client_secret"`
	} `json:"vonage"`
	Clarity struct {
		ClientID string `json:"client_id"`
		User     string `json:"user"` // the login of the directory's administrator
		Password string `json:"password"`
	} `json:"clarity"`
}

// complete makes what is not there yet.
func (s *demoSurfaces) complete() {
	s.Ameyo.User, s.Exotel.APIKey, s.Vonage.ClientID = "demo", "demo", "demo"
	s.Clarity.User = simulate.AdminLogin
	if s.Clarity.ClientID == "" {
		s.Clarity.ClientID = strings.ToUpper(uuid.NewString()) // a GUID as that vendor's admin site prints them
	}
	for _, secret := range []*string{&s.Ameyo.Password, &s.Convoso.AuthToken, &s.Exotel.APIToken, &s.Exotel.AccessToken, &s.Vonage.ClientSecret,
		&s.Clarity.Password} {
		if *secret == "" {
			*secret = config.NewToken()
		}
	}
}

// config is what somebody would write into a file for these.
func (s *demoSurfaces) config() (out config.Surfaces, err error) {
	hash, err := auth.HashPassword(s.Ameyo.Password)
	if err != nil {
		return out, err
	}
	supervisor, err := auth.HashPassword(s.Clarity.Password)
	if err != nil {
		return out, err
	}
	out.Ameyo.Users = []config.Login{{Name: s.Ameyo.User, PasswordHash: hash}}
	out.Convoso.AuthTokens = []config.SurfaceToken{{Name: "demo", TokenSHA256: config.TokenSum(s.Convoso.AuthToken)}}
	out.Exotel.Tokens = []config.Token{
		{Name: s.Exotel.APIKey, Role: "supervisor", TokenSHA256: config.TokenSum(s.Exotel.APIToken)},
		{Name: "access", Role: "supervisor", TokenSHA256: config.TokenSum(s.Exotel.AccessToken)},
	}
	out.Vonage.Clients = []config.VonageClient{{ClientID: s.Vonage.ClientID, SecretSHA256: config.TokenSum(s.Vonage.ClientSecret)}}
	out.Clarity.ClientIDs = []string{s.Clarity.ClientID}
	out.Clarity.Users = []config.Login{{Name: s.Clarity.User, PasswordHash: supervisor}}
	return out, nil
}
