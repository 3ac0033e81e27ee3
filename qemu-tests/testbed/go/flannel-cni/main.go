// Command flannel is a CNI plugin that turns what the flannel daemon wrote to its subnet file into a configuration of
// the bridge plugin, and lets that plugin do the work. The configuration of each container is kept until it is
// deleted, because the subnet file does not survive a reboot.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/containernetworking/cni/pkg/invoke"
	"github.com/containernetworking/cni/pkg/skel"
	"github.com/containernetworking/cni/pkg/types"
	"github.com/containernetworking/cni/pkg/version"
)

const (
	defaultSubnetFile = "/run/flannel/subnet.env"
	defaultDataDir    = "/var/lib/cni/flannel"
)

type netConf struct {
	types.NetConf
	SubnetFile string         `json:"subnetFile"`
	DataDir    string         `json:"dataDir"`
	Delegate   map[string]any `json:"delegate"`
}

func parseConf(stdin []byte) (*netConf, error) {
	conf := &netConf{SubnetFile: defaultSubnetFile, DataDir: defaultDataDir}
	if err := json.Unmarshal(stdin, conf); err != nil {
		return nil, fmt.Errorf("the network configuration is not valid: %w", err)
	}
	return conf, nil
}

func (conf *netConf) stateFile(containerID, ifName string) string {
	return filepath.Join(conf.DataDir, containerID+"-"+ifName)
}

func add(args *skel.CmdArgs) error {
	conf, err := parseConf(args.StdinData)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(conf.SubnetFile)
	if err != nil {
		return fmt.Errorf("flannel has not written its subnet file yet: %w", err)
	}
	lease, err := parseSubnet(string(text))
	if err != nil {
		return fmt.Errorf("%s: %w", conf.SubnetFile, err)
	}
	delegate, err := json.Marshal(planDelegate(conf, lease))
	if err != nil {
		return err
	}
	if err := os.MkdirAll(conf.DataDir, 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(conf.stateFile(args.ContainerID, args.IfName), delegate, 0o600); err != nil {
		return err
	}
	result, err := invoke.DelegateAdd(context.Background(), bridgePlugin, delegate, nil)
	if err != nil {
		return err
	}
	return result.Print()
}

func del(args *skel.CmdArgs) error {
	conf, err := parseConf(args.StdinData)
	if err != nil {
		return err
	}
	state := conf.stateFile(args.ContainerID, args.IfName)
	delegate, err := os.ReadFile(state)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // deleted already, or never added
	}
	if err != nil {
		return err
	}
	if err := invoke.DelegateDel(context.Background(), bridgePlugin, delegate, nil); err != nil {
		return err
	}
	return os.Remove(state)
}

func check(args *skel.CmdArgs) error {
	conf, err := parseConf(args.StdinData)
	if err != nil {
		return err
	}
	delegate, err := os.ReadFile(conf.stateFile(args.ContainerID, args.IfName))
	if err != nil {
		return err
	}
	return invoke.DelegateCheck(context.Background(), bridgePlugin, delegate, nil)
}

func main() {
	skel.PluginMainFuncs(skel.CNIFuncs{Add: add, Check: check, Del: del}, version.All, "flannel CNI plugin of meta-k3s's testbed")
}
