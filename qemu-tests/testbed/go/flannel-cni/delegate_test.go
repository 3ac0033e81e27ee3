package main

import (
	"encoding/json"
	"testing"
)

const written = "FLANNEL_NETWORK=10.42.0.0/16\nFLANNEL_SUBNET=10.42.3.1/24\nFLANNEL_MTU=1450\nFLANNEL_IPMASQ=true\n"

func TestParseSubnet(t *testing.T) {
	lease, err := parseSubnet(written)
	want := subnetLease{network: "10.42.0.0/16", subnet: "10.42.3.1/24", mtu: 1450, masq: true}
	if err != nil || lease != want {
		t.Fatalf("got %+v, %v", lease, err)
	}
	for _, broken := range []string{"", "FLANNEL_MTU=many\n", "FLANNEL_NETWORK=10.42.0.0/16\n"} {
		if _, err := parseSubnet(broken); err == nil {
			t.Errorf("%q was accepted", broken)
		}
	}
}

func TestPlanDelegate(t *testing.T) {
	conf, err := parseConf([]byte(`{"cniVersion":"1.0.0","name":"cbr0","type":"flannel","delegate":{"hairpinMode":true,"isDefaultGateway":true}}`))
	if err != nil {
		t.Fatal(err)
	}
	lease, err := parseSubnet(written)
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal(planDelegate(conf, lease))
	if err != nil {
		t.Fatal(err)
	}
	want := `{"cniVersion":"1.0.0","hairpinMode":true,"ipMasq":false,"ipam":{"ranges":[[{"subnet":"10.42.3.0/24"}]],` +
		`"routes":[{"dst":"10.42.0.0/16"}],"type":"host-local"},"isDefaultGateway":true,"isGateway":true,"mtu":1450,"name":"cbr0","type":"bridge"}`
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
