package token

import (
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	hash := strings.Repeat("0a", 32)
	for text, want := range map[string]Token{
		"secret":                           {User: "node", Secret: "secret"},
		"K10" + hash + "::server:se:cret":  {CAHash: hash, User: "server", Secret: "se:cret"},
		"K10" + hash + "::abcdef.01234567": {CAHash: hash, Secret: "abcdef.01234567"},
	} {
		if got, err := Parse(text); err != nil || got != want {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "K10" + hash, "K10abc::server:secret", "K10" + hash + "::"} {
		_, err := Parse(text)
		if err == nil {
			t.Errorf("%q was accepted", text)
		} else if text != "" && strings.Contains(err.Error(), text) {
			t.Errorf("the error repeats the token: %v", err)
		}
	}
}

func TestFormatIsParsed(t *testing.T) {
	got, err := Parse(Format([]byte("a CA"), "server", "secret"))
	if err != nil || got.CAHash != HashCA([]byte("a CA")) || got.User != "server" || got.Secret != "secret" {
		t.Fatalf("%+v, %v", got, err)
	}
}

func TestBootstrapDependsOnTheSecretAlone(t *testing.T) {
	id, secret := Bootstrap("one")
	again, againSecret := Bootstrap("one")
	other, otherSecret := Bootstrap("two")
	if id != again || secret != againSecret || id == other || secret == otherSecret {
		t.Error("the same secret must give the same token, another another")
	}
	if len(id) != 6 || len(secret) != 16 || strings.Contains(secret, id) {
		t.Errorf("not a bootstrap token: %s.%s", id, secret)
	}
}
