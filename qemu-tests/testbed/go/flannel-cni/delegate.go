package main

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"strconv"
	"strings"
)

const bridgePlugin = "bridge"

// subnetLease is what the flannel daemon tells in its subnet file.
type subnetLease struct {
	network string // the cluster's pod network, CIDR
	subnet  string // this node's part of it, CIDR with the gateway's address
	mtu     int
	masq    bool
}

// parseSubnet reads a subnet file: lines KEY=VALUE, see flannel's pkg/subnet WriteSubnetFile.
func parseSubnet(text string) (subnetLease, error) {
	lease := subnetLease{}
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		var err error
		switch key {
		case "FLANNEL_NETWORK":
			lease.network = value
		case "FLANNEL_SUBNET":
			lease.subnet = value
		case "FLANNEL_MTU":
			lease.mtu, err = strconv.Atoi(value)
		case "FLANNEL_IPMASQ":
			lease.masq, err = strconv.ParseBool(value)
		}
		if err != nil {
			return subnetLease{}, fmt.Errorf("%s is not usable: %w", key, err)
		}
	}
	if lease.network == "" || lease.subnet == "" || lease.mtu == 0 {
		return subnetLease{}, errors.New("needs FLANNEL_NETWORK, FLANNEL_SUBNET and FLANNEL_MTU")
	}
	return lease, nil
}

// planDelegate makes the bridge plugin's configuration. What the configuration's own `delegate` says wins.
func planDelegate(conf *netConf, lease subnetLease) map[string]any {
	delegate := map[string]any{
		"cniVersion": conf.CNIVersion,
		"name":       conf.Name,
		"type":       bridgePlugin,
		"mtu":        lease.mtu,
		"ipMasq":     !lease.masq, // the daemon masquerades, or the bridge does
		"isGateway":  true,
	}
	maps.Copy(delegate, conf.Delegate)
	delegate["ipam"] = map[string]any{
		"type":   "host-local",
		"ranges": []any{[]any{map[string]any{"subnet": networkOf(lease.subnet)}}},
		"routes": []any{map[string]any{"dst": lease.network}},
	}
	return delegate
}

// networkOf drops the host part: 10.42.0.1/24 is 10.42.0.0/24.
func networkOf(cidr string) string {
	prefix, err := netip.ParsePrefix(cidr)
	if err != nil {
		return cidr
	}
	return prefix.Masked().String()
}
