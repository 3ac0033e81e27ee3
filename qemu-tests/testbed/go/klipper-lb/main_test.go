package main

import (
	"net/netip"
	"testing"
)

func TestParse(t *testing.T) {
	good := map[string]string{
		"SRC_PORT": "80", "SRC_RANGES": "10.0.0.0/8,192.0.2.1/32", "DEST_PROTO": "TCP", "DEST_PORT": "8080", "DEST_IPS": "fd00::1,10.43.0.7",
	}
	found, err := parse(func(name string) string { return good[name] })
	if err != nil || found.listen != "0.0.0.0:80" || found.target != "10.43.0.7:8080" || len(found.allowed) != 2 {
		t.Fatalf("parse gives %+v, %v", found, err)
	}
	for name, value := range map[string]string{"DEST_PROTO": "UDP", "SRC_RANGES": "everywhere", "DEST_IPS": "fd00::1"} {
		_, err := parse(func(asked string) string {
			if asked == name {
				return value
			}
			return good[asked]
		})
		if err == nil {
			t.Errorf("%s=%s is taken", name, value)
		}
	}
}

func TestAllows(t *testing.T) {
	limited := settings{allowed: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}
	for address, want := range map[string]bool{"10.1.2.3": true, "::ffff:10.1.2.3": true, "192.0.2.1": false} {
		if got := limited.allows(netip.MustParseAddr(address)); got != want {
			t.Errorf("%s: %t, want %t", address, got, want)
		}
	}
	if !(settings{}).allows(netip.MustParseAddr("192.0.2.1")) {
		t.Error("without ranges somebody is refused")
	}
}
