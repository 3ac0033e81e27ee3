// Package options reads k3s's command line, its environment and its configuration files into one value.
package options

import (
	"fmt"
	"os"
	"slices"
	"strings"
)

// Options is what was asked for. Names are those of k3s's own options.
type Options struct {
	Role                  string // "server" or "agent"
	Config                string
	DataDir               string
	Token                 string
	TokenFile             string
	Server                string
	NodeName              string
	WithNodeID            bool
	NodeIP                string
	NodeExternalIP        string
	NodeLabels            []string
	NodeTaints            []string
	Disable               []string
	Snapshotter           string
	FlannelBackend        string
	FlannelIface          string
	DatastoreEndpoint     string
	DatastoreCAFile       string
	DatastoreCertFile     string
	DatastoreKeyFile      string
	WriteKubeconfig       string
	WriteKubeconfigMode   string
	ProtectKernelDefaults bool
	DisableNetworkPolicy  bool
	TLSSANs               []string
	ClusterCIDR           string
	ServiceCIDR           string
	ClusterDNS            string
	ClusterDomain         string
	ResolvConf            string
	Debug                 bool
	KubeletArgs           []string
	KubeProxyArgs         []string
	APIServerArgs         []string
	ControllerArgs        []string
	SchedulerArgs         []string
}

// flag is one option: where its value goes, and what it may be called.
type flag struct {
	name   string
	short  string
	env    string
	server bool // only a server knows it
	text   func(*Options) *string
	list   func(*Options) *[]string
	toggle func(*Options) *bool
}

var flags = []flag{
	{name: "config", short: "c", env: "K3S_CONFIG_FILE", text: func(o *Options) *string { return &o.Config }},
	{name: "data-dir", short: "d", env: "K3S_DATA_DIR", text: func(o *Options) *string { return &o.DataDir }},
	{name: "debug", env: "K3S_DEBUG", toggle: func(o *Options) *bool { return &o.Debug }},
	{name: "token", short: "t", env: "K3S_TOKEN", text: func(o *Options) *string { return &o.Token }},
	{name: "token-file", env: "K3S_TOKEN_FILE", text: func(o *Options) *string { return &o.TokenFile }},
	{name: "server", short: "s", env: "K3S_URL", text: func(o *Options) *string { return &o.Server }},
	{name: "node-name", env: "K3S_NODE_NAME", text: func(o *Options) *string { return &o.NodeName }},
	{name: "with-node-id", toggle: func(o *Options) *bool { return &o.WithNodeID }},
	{name: "node-ip", short: "i", text: func(o *Options) *string { return &o.NodeIP }},
	{name: "node-external-ip", text: func(o *Options) *string { return &o.NodeExternalIP }},
	{name: "node-label", list: func(o *Options) *[]string { return &o.NodeLabels }},
	{name: "node-taint", list: func(o *Options) *[]string { return &o.NodeTaints }},
	{name: "snapshotter", text: func(o *Options) *string { return &o.Snapshotter }},
	{name: "flannel-iface", text: func(o *Options) *string { return &o.FlannelIface }},
	{name: "resolv-conf", env: "K3S_RESOLV_CONF", text: func(o *Options) *string { return &o.ResolvConf }},
	{name: "protect-kernel-defaults", toggle: func(o *Options) *bool { return &o.ProtectKernelDefaults }},
	{name: "kubelet-arg", list: func(o *Options) *[]string { return &o.KubeletArgs }},
	{name: "kube-proxy-arg", list: func(o *Options) *[]string { return &o.KubeProxyArgs }},

	{name: "disable", server: true, list: func(o *Options) *[]string { return &o.Disable }},
	{name: "flannel-backend", server: true, text: func(o *Options) *string { return &o.FlannelBackend }},
	{name: "disable-network-policy", server: true, toggle: func(o *Options) *bool { return &o.DisableNetworkPolicy }},
	{name: "datastore-endpoint", server: true, env: "K3S_DATASTORE_ENDPOINT", text: func(o *Options) *string { return &o.DatastoreEndpoint }},
	{name: "datastore-cafile", server: true, env: "K3S_DATASTORE_CAFILE", text: func(o *Options) *string { return &o.DatastoreCAFile }},
	{name: "datastore-certfile", server: true, env: "K3S_DATASTORE_CERTFILE", text: func(o *Options) *string { return &o.DatastoreCertFile }},
	{name: "datastore-keyfile", server: true, env: "K3S_DATASTORE_KEYFILE", text: func(o *Options) *string { return &o.DatastoreKeyFile }},
	{name: "write-kubeconfig", short: "o", server: true, env: "K3S_KUBECONFIG_OUTPUT", text: func(o *Options) *string { return &o.WriteKubeconfig }},
	{name: "write-kubeconfig-mode", server: true, env: "K3S_KUBECONFIG_MODE", text: func(o *Options) *string { return &o.WriteKubeconfigMode }},
	{name: "tls-san", server: true, list: func(o *Options) *[]string { return &o.TLSSANs }},
	{name: "cluster-cidr", server: true, text: func(o *Options) *string { return &o.ClusterCIDR }},
	{name: "service-cidr", server: true, text: func(o *Options) *string { return &o.ServiceCIDR }},
	{name: "cluster-dns", server: true, text: func(o *Options) *string { return &o.ClusterDNS }},
	{name: "cluster-domain", server: true, text: func(o *Options) *string { return &o.ClusterDomain }},
	{name: "kube-apiserver-arg", server: true, list: func(o *Options) *[]string { return &o.APIServerArgs }},
	{name: "kube-controller-manager-arg", server: true, list: func(o *Options) *[]string { return &o.ControllerArgs }},
	{name: "kube-scheduler-arg", server: true, list: func(o *Options) *[]string { return &o.SchedulerArgs }},
}

// Disableable are the names that --disable knows, as in k3s.
var Disableable = []string{"coredns", "local-storage", "metrics-server", "runtimes", "servicelb", "traefik"}

func find(role, name string) (flag, bool) {
	for _, known := range flags {
		if (known.name == name || known.short == name) && (role == "server" || !known.server) {
			return known, true
		}
	}
	return flag{}, false
}

func (known flag) set(options *Options, value string) error {
	switch {
	case known.text != nil:
		*known.text(options) = value
	case known.list != nil:
		into := known.list(options)
		*into = append(*into, value)
	default:
		switch strings.ToLower(value) {
		case "true", "1", "t", "":
			*known.toggle(options) = true
		case "false", "0", "f":
			*known.toggle(options) = false
		default:
			return fmt.Errorf("invalid boolean value %q for -%s", value, known.name)
		}
	}
	return nil
}

// Load makes the options of role ("server" or "agent") from the environment, then the configuration files, then the
// command line; the last wins, and lists of files and command line add up. What a file says that a server does not know is
// named in warnings; an agent refuses it, and both refuse an unknown option on the command line, as with k3s
// (pkg/configfilearg/defaultparser.go).
func Load(role string, args []string, environment func(string) string) (options *Options, warnings []string, err error) {
	options = &Options{
		Role: role, Config: "/etc/rancher/k3s/config.yaml", DataDir: "/var/lib/rancher/k3s",
		Snapshotter: "overlayfs", FlannelBackend: "vxlan",
		WriteKubeconfig: "/etc/rancher/k3s/k3s.yaml", WriteKubeconfigMode: "0600",
		ClusterCIDR: "10.42.0.0/16", ServiceCIDR: "10.43.0.0/16", ClusterDNS: "10.43.0.10", ClusterDomain: "cluster.local",
	}
	for _, known := range flags {
		if value := environment(known.env); known.env != "" && value != "" && (role == "server" || !known.server) {
			if err := known.set(options, value); err != nil {
				return nil, nil, fmt.Errorf("%s: %w", known.env, err)
			}
		}
	}
	given, err := parseArgs(role, args)
	if err != nil {
		return nil, nil, err
	}
	for _, setting := range given {
		if setting.Name == "config" {
			options.Config = setting.Value
		}
	}
	settings, err := readFiles(options.Config)
	if err != nil {
		return nil, nil, err
	}
	for _, setting := range append(settings, given...) {
		known, ok := find(role, setting.Name)
		if !ok && role == "agent" {
			return nil, nil, fmt.Errorf("flag provided but not defined: -%s", setting.Name)
		}
		if !ok {
			warnings = append(warnings, fmt.Sprintf("Unknown flag --%s found in config.yaml, skipping", setting.Name))
			continue
		}
		if err := known.set(options, setting.Value); err != nil {
			return nil, nil, err
		}
	}
	return options, warnings, options.validate()
}

// Setting is one value for one option.
type Setting struct{ Name, Value string }

func parseArgs(role string, args []string) ([]Setting, error) {
	settings := []Setting{}
	for len(args) > 0 {
		word := args[0]
		args = args[1:]
		if !strings.HasPrefix(word, "-") {
			return nil, fmt.Errorf("unexpected argument: %s", word)
		}
		name, value, has := strings.Cut(strings.TrimLeft(word, "-"), "=")
		known, ok := find(role, name)
		if !ok {
			return nil, fmt.Errorf("flag provided but not defined: -%s (k3s %s of the stand-in does not know it)", name, role)
		}
		if !has && known.toggle == nil {
			if len(args) == 0 {
				return nil, fmt.Errorf("flag needs an argument: -%s", name)
			}
			value = args[0]
			args = args[1:]
		}
		settings = append(settings, Setting{known.name, value})
	}
	return settings, nil
}

func (o *Options) validate() error {
	for i := 0; i < len(o.Disable); i++ {
		parts := strings.Split(o.Disable[i], ",")
		o.Disable = slices.Replace(o.Disable, i, i+1, parts...)
		i += len(parts) - 1
	}
	for _, name := range o.Disable {
		if !slices.Contains(Disableable, name) {
			return fmt.Errorf("invalid value %q for --disable: known are %s", name, strings.Join(Disableable, ", "))
		}
	}
	if !slices.Contains([]string{"vxlan", "host-gw", "none"}, o.FlannelBackend) {
		return fmt.Errorf("unsupported --flannel-backend=%s: the stand-in knows vxlan, host-gw and none", o.FlannelBackend)
	}
	if o.Token != "" && o.TokenFile != "" && o.Role == "agent" {
		o.TokenFile = "" // as in k3s, the token itself wins
	}
	if o.Role == "server" && o.Server != "" {
		return fmt.Errorf("--server on a server means embedded etcd, which the stand-in does not have")
	}
	return nil
}

// Disabled tells whether the bundled component of that name is switched off.
func (o *Options) Disabled(name string) bool { return slices.Contains(o.Disable, name) }

// ReadToken is the token that was given, directly or by a file; empty if none was.
func (o *Options) ReadToken() (string, error) {
	if o.Token != "" || o.TokenFile == "" {
		return strings.TrimSpace(o.Token), nil
	}
	text, err := os.ReadFile(o.TokenFile)
	if err != nil {
		return "", fmt.Errorf("token file: %w", err)
	}
	token := strings.TrimSpace(string(text))
	if token == "" {
		return "", fmt.Errorf("token file %s is empty", o.TokenFile)
	}
	return token, nil
}
