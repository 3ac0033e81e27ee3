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

func TestChoose(t *testing.T) {
	hash := strings.Repeat("0", 64)
	full := "K10" + hash + "::server:kept\n"
	for name, test := range map[string]struct {
		given, kept string
		want        Token
	}{
		"given":          {"given", full, Token{User: "node", Secret: "given"}},
		"given with CA":  {"K10" + hash + "::given", "", Token{CAHash: hash, Secret: "given"}},
		"of before":      {"", full, Token{Secret: "kept"}},
		"of before, raw": {"", "kept\n", Token{Secret: "kept"}},
	} {
		if got, err := Choose(test.given, test.kept); got != test.want || err != nil {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	first, err := Choose("", "")
	second, _ := Choose("", "\n")
	if err != nil || len(first.Secret) != 32 || first.Secret == second.Secret {
		t.Error(first, second, err)
	}
	if _, err := Choose("", "K10broken"); err == nil {
		t.Error("a broken token of before was accepted")
	}
}
