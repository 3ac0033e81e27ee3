package bootstrap

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestOnlyTheTokenOpensWhatItSealed(t *testing.T) {
	sealed, err := Seal("secret", []byte("keys"))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(sealed), "keys") {
		t.Error("it is readable")
	}
	if plain, err := Unseal("secret", sealed); string(plain) != "keys" || err != nil {
		t.Error(string(plain), err)
	}
	if _, err := Unseal("Secret", sealed); err == nil || strings.Contains(err.Error(), "Secret") {
		t.Errorf("another token: %v", err)
	}
	again, err := Seal("secret", []byte("keys"))
	if err != nil || reflect.DeepEqual(again, sealed) {
		t.Error("two seals are the same", err)
	}
	for i := range sealed {
		changed := append([]byte{}, sealed...)
		changed[i] ^= 1
		if i%7 == 0 { // one derivation of the key each
			if _, err := Unseal("secret", changed); err == nil {
				t.Errorf("a change of byte %d went unseen", i)
			}
		}
	}
	for _, text := range []string{"", "short", string(sealed[:saltBytes]), string(sealed[:saltBytes+5])} {
		if _, err := Unseal("secret", []byte(text)); err == nil {
			t.Errorf("%d bytes were opened", len(text))
		}
	}
}

func TestKey(t *testing.T) {
	// printf secret | sha256sum
	if got := Key("secret"); got != "/bootstrap/2bb80d537b1d" {
		t.Error(got)
	}
}

func TestPlan(t *testing.T) {
	own, other := Key("own"), Key("other")
	for name, test := range map[string]struct {
		entries []Entry
		shared  bool
		looks   int
		want    Step
		err     error
	}{
		"nothing there":                  {nil, true, 1, Lock, nil},
		"the cluster":                    {[]Entry{{own, []byte("x"), 1}}, true, 1, Load, nil},
		"another token's":                {[]Entry{{other, []byte("x"), 1}}, true, 1, Lock, ErrOtherToken},
		"another token's lock":           {[]Entry{{other, nil, 1}}, true, 1, Lock, ErrOtherToken},
		"both":                           {[]Entry{{other, []byte("y"), 1}, {own, []byte("x"), 2}}, true, 1, Load, nil},
		"a lock":                         {[]Entry{{own, nil, 1}}, true, 1, Wait, nil},
		"a lock for long":                {[]Entry{{own, nil, 1}}, true, maxLooks, Break, nil},
		"a lock that nobody else can be": {[]Entry{{own, nil, 1}}, false, 1, Break, nil},
	} {
		step, entry, err := Plan(test.entries, own, test.shared, test.looks)
		if step != test.want || !errors.Is(err, test.err) {
			t.Errorf("%s: %d, %v", name, step, err)
		}
		if (step == Load || step == Break) && entry.Key != own {
			t.Errorf("%s: entry %+v", name, entry)
		}
	}
}

func TestPlanFiles(t *testing.T) {
	saved := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	stored := map[string]File{"ca.crt": {[]byte("cert"), saved}, "ca.key": {[]byte("key"), saved}}
	for name, test := range map[string]struct {
		here map[string]File
		want []string
		err  string
	}{
		"a new machine":        {nil, []string{"ca.key", "ca.crt"}, ""},
		"all the same, later":  {map[string]File{"ca.crt": {[]byte("cert"), saved.Add(time.Hour)}, "ca.key": {[]byte("key"), saved}}, []string{}, ""},
		"older and other here": {map[string]File{"ca.crt": {[]byte("old"), saved.Add(-time.Hour)}, "ca.key": {[]byte("key"), saved}}, []string{"ca.crt"}, ""},
		"newer and other here": {map[string]File{"ca.crt": {[]byte("new"), saved.Add(time.Hour)}}, nil, "ca.crt newer than datastore"},
		"a file of its own":    {map[string]File{"ca.crt": {[]byte("cert"), saved}, "ca.key": {[]byte("key"), saved}, "own": {[]byte("x"), saved}}, []string{}, ""},
	} {
		names, err := PlanFiles(stored, test.here)
		if test.err == "" && (err != nil || !reflect.DeepEqual(names, test.want)) {
			t.Errorf("%s: %v, %v", name, names, err)
		}
		if test.err != "" && (err == nil || !strings.Contains(err.Error(), test.err)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
