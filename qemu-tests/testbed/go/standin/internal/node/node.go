// Package node runs what makes a device a node: containerd, kubelet, kube-proxy and flannel.
package node

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/sirupsen/logrus"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	"meta-k3s/standin/internal/components"
	"meta-k3s/standin/internal/files"
	"meta-k3s/standin/internal/images"
	"meta-k3s/standin/internal/options"
	"meta-k3s/standin/internal/policy"
	"meta-k3s/standin/internal/supervise"
)

// Cluster is what a node must know of its cluster. It is secret-free: the server publishes it to its agents.
type Cluster struct {
	ClientCA       string // PEM
	ClusterCIDR    string
	ClusterDNS     string
	ClusterDomain  string
	ServiceCIDR    string
	FlannelBackend string
	NetworkPolicy  bool
}

// Node is this device as a node.
type Node struct {
	Name    string
	IP      net.IP
	options *options.Options
	group   *supervise.Group
	images  *images.Importer
}

// New finds out the node's name and address. The errors are k3s's own.
func New(opts *options.Options, group *supervise.Group) (*Node, error) {
	n := &Node{options: opts, group: group}
	name, err := nodeName(opts)
	if err != nil {
		return nil, err
	}
	n.Name = name
	if opts.NodeIP != "" {
		if n.IP = net.ParseIP(opts.NodeIP); n.IP == nil {
			return nil, fmt.Errorf("invalid node-ip: %s", opts.NodeIP)
		}
	} else if n.IP, err = utilnet.ChooseHostInterface(); err != nil {
		return nil, fmt.Errorf("unable to select an IP from default routes: %w", err)
	}
	n.images = &images.Importer{Dir: n.path("images"), Socket: containerdSocket, Snapshotter: opts.Snapshotter}
	return n, nil
}

func (n *Node) path(name string) string { return filepath.Join(n.options.DataDir, "agent", name) }

// Kubeconfig is the file with which kubelet and the node's other parts reach the API.
func (n *Node) Kubeconfig() string { return n.path("kubelet.kubeconfig") }

// BootstrapKubeconfig is the file with which kubelet asks for its first certificate.
func (n *Node) BootstrapKubeconfig() string { return n.path("bootstrap.kubeconfig") }

// ServerCA is the file of the authority that signs the API server's certificate.
func (n *Node) ServerCA() string { return n.path("server-ca.crt") }

// Prepare starts containerd and imports the image archives.
func (n *Node) Prepare(ctx context.Context) error {
	loadModules()
	if err := os.MkdirAll(n.path("images"), 0o755); err != nil {
		return err
	}
	if err := n.startContainerd(ctx); err != nil {
		return err
	}
	logrus.Info("containerd is now running")
	n.images.Sync(ctx)
	return nil
}

// Start starts kubelet, kube-proxy and flannel.
func (n *Node) Start(ctx context.Context, cluster Cluster) error {
	if err := n.startKubelet(cluster); err != nil {
		return err
	}
	// The others use kubelet's credentials, which an agent does not have before kubelet has been given them; and flannel
	// gives up on a node without a subnet.
	if err := n.waitPodCIDR(ctx); err != nil {
		return err
	}
	n.startProxy(cluster)
	if cluster.FlannelBackend != "none" {
		if err := n.startFlannel(ctx, cluster); err != nil {
			return err
		}
	}
	if cluster.NetworkPolicy {
		go policy.Run(ctx, n.Kubeconfig(), n.Name, cluster.ServiceCIDR)
	}
	go n.images.Watch(ctx)
	return nil
}

// loadModules loads what k3s loads; as there, what is missing is only said.
func loadModules() {
	for _, module := range []string{"overlay", "nf_conntrack", "br_netfilter", "iptable_nat", "iptable_filter"} {
		if output, err := exec.Command("modprobe", "--quiet", module).CombinedOutput(); err != nil {
			logrus.Warnf("Failed to load kernel module %s with modprobe: %s", module, strings.TrimSpace(string(output)))
		}
	}
	for path, value := range map[string]string{
		"/proc/sys/net/ipv4/ip_forward":                 "1",
		"/proc/sys/net/bridge/bridge-nf-call-iptables":  "1",
		"/proc/sys/net/ipv4/conf/all/forwarding":        "1",
		"/proc/sys/net/bridge/bridge-nf-call-ip6tables": "1",
	} {
		if err := os.WriteFile(path, []byte(value), 0o644); err != nil {
			logrus.Warnf("Failed to set sysctl: %v", err)
		}
	}
}

func (n *Node) startProxy(cluster Cluster) {
	args := []string{
		"--kubeconfig=" + n.Kubeconfig(),
		"--proxy-mode=iptables",
		"--cluster-cidr=" + cluster.ClusterCIDR,
		"--hostname-override=" + n.Name,
		"--healthz-bind-address=127.0.0.1",
		"--metrics-bind-address=127.0.0.1",
		"--conntrack-max-per-core=0",
		"--conntrack-tcp-timeout-established=0s",
		"--conntrack-tcp-timeout-close-wait=0s",
	}
	args = withArgs(args, n.options.KubeProxyArgs)
	n.group.Go("kube-proxy", func() error { return components.RunProxy(args) })
}

// startFlannel runs the flannel daemon and hands the CNI its configuration once the daemon has done its work: the node
// turns Ready by that file, so not before pods can have addresses.
func (n *Node) startFlannel(ctx context.Context, cluster Cluster) error {
	const subnetFile = "/run/flannel/subnet.env"
	program, err := exec.LookPath("flanneld")
	if err != nil {
		return err
	}
	network := fmt.Sprintf(`{"Network":%q,"EnableIPv6":false,"EnableIPv4":true,"Backend":{"Type":%q}}`, cluster.ClusterCIDR, cluster.FlannelBackend)
	config := n.path("etc/flannel/net-conf.json")
	if err := files.Write(config, []byte(network+"\n"), 0o644); err != nil {
		return err
	}
	if err := os.Remove(subnetFile); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	args := []string{"-kubeconfig-file=" + n.Kubeconfig(), "-net-config-path=" + config, "-subnet-file=" + subnetFile}
	if n.options.FlannelIface != "" {
		args = append(args, "-iface="+n.options.FlannelIface)
	} else {
		args = append(args, "-public-ip="+n.IP.String())
	}
	err = n.group.Start(supervise.Command{Name: "flanneld", Path: program, Args: args, Env: []string{"NODE_NAME=" + n.Name}})
	if err != nil {
		return err
	}
	err = n.group.Until(ctx, 100*time.Millisecond, func(context.Context) error {
		_, err := os.Stat(subnetFile)
		return err
	})
	if err != nil {
		return err
	}
	return files.Write(n.path("etc/cni/net.d/10-flannel.conflist"), []byte(cniConfig), 0o644)
}

const cniConfig = `{
  "name": "cbr0",
  "cniVersion": "1.0.0",
  "plugins": [
    {"type": "flannel", "delegate": {"hairpinMode": true, "forceAddress": true, "isDefaultGateway": true}},
    {"type": "portmap", "capabilities": {"portMappings": true}},
    {"type": "bandwidth", "capabilities": {"bandwidth": true}}
  ]
}
`

// withArgs adds what the user gave as KEY=VALUE; the components take the last of two.
func withArgs(args, extra []string) []string {
	for _, arg := range extra {
		args = append(args, "--"+strings.TrimLeft(arg, "-"))
	}
	return args
}
