// Command flanneld runs flannel on one node of a Kubernetes cluster: the backends vxlan and host-gw, leases from the
// API server, masquerading and forwarding by iptables. Upstream's own main cannot be built from the module proxy alone,
// because it links a cloud vendor's SDK; the parts used here are the ones that k3s uses.
//
// The environment variable NODE_NAME names the node.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"github.com/flannel-io/flannel/pkg/backend"
	_ "github.com/flannel-io/flannel/pkg/backend/hostgw"
	_ "github.com/flannel-io/flannel/pkg/backend/vxlan"
	"github.com/flannel-io/flannel/pkg/ip"
	"github.com/flannel-io/flannel/pkg/ipmatch"
	"github.com/flannel-io/flannel/pkg/subnet/kube"
	"github.com/flannel-io/flannel/pkg/trafficmngr/iptables"
)

const resyncSeconds = 60

type options struct {
	kubeconfig string
	netConf    string
	subnetFile string
	iface      string
	publicIP   string
}

func main() {
	opts := options{}
	flag.StringVar(&opts.kubeconfig, "kubeconfig-file", "", "how to reach the API server")
	flag.StringVar(&opts.netConf, "net-config-path", "", "the network's configuration: {\"Network\":…, \"Backend\":{\"Type\":…}}")
	flag.StringVar(&opts.subnetFile, "subnet-file", "/run/flannel/subnet.env", "where to tell the CNI plugin this node's subnet")
	flag.StringVar(&opts.iface, "iface", "", "the interface that reaches the other nodes (default: that of the default route)")
	flag.StringVar(&opts.publicIP, "public-ip", "", "this node's address for the other nodes")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, opts); err != nil && !errors.Is(err, context.Canceled) {
		log.Fatalf("flanneld: %v", err)
	}
}

func run(ctx context.Context, opts options) error {
	manager, err := kube.NewSubnetManager(ctx, "", opts.kubeconfig, "flannel.alpha.coreos.com", opts.netConf, false)
	if err != nil {
		return err
	}
	config, err := manager.GetNetworkConfig(ctx)
	if err != nil {
		return fmt.Errorf("the network's configuration: %w", err)
	}
	stack, err := ipmatch.GetIPFamily(config.EnableIPv4, config.EnableIPv6)
	if err != nil {
		return err
	}
	public := ipmatch.PublicIPOpts{PublicIP: opts.publicIP}
	chosen := opts.iface
	if chosen == "" {
		chosen = opts.publicIP
	}
	external, err := ipmatch.LookupExtIface(chosen, "", "", stack, public)
	if err != nil {
		return fmt.Errorf("no interface reaches the other nodes: %w", err)
	}
	network, err := backend.NewManager(ctx, manager, external).GetBackend(config.BackendType)
	if err != nil {
		return err
	}
	running := &sync.WaitGroup{}
	registered, err := network.RegisterNetwork(ctx, running, config)
	if err != nil {
		return fmt.Errorf("register the network: %w", err)
	}
	traffic := &iptables.IPTablesManager{}
	if err := traffic.Init(ctx); err != nil {
		return err
	}
	lease := registered.Lease()
	traffic.SetupAndEnsureForwardRules(ctx, config.Network, config.IPv6Network, resyncSeconds)
	if err := traffic.SetupAndEnsureMasqRules(ctx, config.Network, lease.Subnet, config.Network,
		config.IPv6Network, ip.IP6Net{}, ip.IP6Net{}, lease, resyncSeconds, false); err != nil {
		return fmt.Errorf("masquerading: %w", err)
	}
	if err := manager.HandleSubnetFile(opts.subnetFile, config, true, lease.Subnet, lease.IPv6Subnet, registered.MTU()); err != nil {
		return fmt.Errorf("write %s: %w", opts.subnetFile, err)
	}
	log.Printf("flanneld: %s over %s (%s), this node has %s", config.BackendType, external.Iface.Name, net.IP(external.ExtAddr), lease.Subnet)
	running.Go(func() { registered.Run(ctx) })
	if err := manager.CompleteLease(ctx, lease, running); err != nil {
		return err
	}
	running.Wait()
	return nil
}
