// Package policy enforces NetworkPolicies with kube-router's controller, the one that k3s carries.
package policy

import (
	"context"
	"fmt"
	"sync"

	"github.com/cloudnativelabs/kube-router/v2/pkg/controllers/netpol"
	"github.com/cloudnativelabs/kube-router/v2/pkg/healthcheck"
	"github.com/cloudnativelabs/kube-router/v2/pkg/options"
	"github.com/cloudnativelabs/kube-router/v2/pkg/utils"
	"github.com/coreos/go-iptables/iptables"
	"github.com/sirupsen/logrus"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
)

// nodePorts is kube-apiserver's default range, as iptables writes it.
const nodePorts = "30000:32767"

// Run waits for the cluster's first NetworkPolicy and then enforces policies on the pods of the node until the context
// ends. Unlike k3s, which starts the controller with the node: without a policy all that it adds to an emulated boot is
// its load. A node that cannot enforce says so and goes on, as k3s's does.
func Run(ctx context.Context, kubeconfig, node, serviceCIDR string) {
	if err := run(ctx, kubeconfig, node, serviceCIDR); err != nil && ctx.Err() == nil {
		logrus.Warnf("Skipping network policy controller start: %v", err)
	}
}

func run(ctx context.Context, kubeconfig, node, serviceCIDR string) error {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	factory := informers.NewSharedInformerFactory(client, 0)
	policies := factory.Networking().V1().NetworkPolicies().Informer()
	first := make(chan struct{})
	var once sync.Once
	if _, err := policies.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc: func(any) { once.Do(func() { close(first) }) },
	}); err != nil {
		return err
	}
	factory.Start(ctx.Done())
	select {
	case <-first:
	case <-ctx.Done():
		return nil
	}

	pods := factory.Core().V1().Pods().Informer()
	namespaces := factory.Core().V1().Namespaces().Informer()
	factory.Start(ctx.Done())
	factory.WaitForCacheSync(ctx.Done())
	tables, err := iptables.NewWithProtocol(iptables.ProtocolIPv4)
	if err != nil {
		return fmt.Errorf("iptables: %w", err)
	}
	sets, err := utils.NewIPSet(false)
	if err != nil {
		return fmt.Errorf("ipset: %w", err)
	}
	settings := options.NewKubeRouterConfig()
	settings.ClusterIPCIDRs = []string{serviceCIDR}
	settings.NodePortRange = nodePorts
	settings.HostnameOverride = node
	settings.EnableIPv4, settings.EnableIPv6 = true, false
	settings.RunFirewall, settings.RunRouter, settings.RunServiceProxy = true, false, false
	controller, err := netpol.NewNetworkPolicyController(client, settings, pods, policies, namespaces, &sync.Mutex{}, nil,
		map[corev1.IPFamily]utils.IPTablesHandler{corev1.IPv4Protocol: tables},
		map[corev1.IPFamily]utils.IPSetHandler{corev1.IPv4Protocol: sets})
	if err != nil {
		return err
	}
	for _, watched := range []struct {
		informer cache.SharedIndexInformer
		handler  cache.ResourceEventHandler
	}{{pods, controller.PodEventHandler}, {namespaces, controller.NamespaceEventHandler}, {policies, controller.NetworkPolicyEventHandler}} {
		if _, err := watched.informer.AddEventHandler(watched.handler); err != nil {
			return err
		}
	}
	// Nobody asks this process for the controller's health, but the controller waits until its heartbeats are taken.
	heartbeats := make(chan *healthcheck.ControllerHeartbeat)
	go func() {
		for {
			select {
			case <-heartbeats:
			case <-ctx.Done():
				return
			}
		}
	}()
	logrus.Info("Starting network policy controller")
	group := sync.WaitGroup{}
	group.Add(1)
	controller.Run(heartbeats, ctx.Done(), &group)
	return nil
}
