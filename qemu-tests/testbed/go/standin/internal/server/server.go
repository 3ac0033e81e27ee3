// Package server runs the control plane, and this device as its first node.
package server

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sirupsen/logrus"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"meta-k3s/standin/internal/addons"
	"meta-k3s/standin/internal/components"
	"meta-k3s/standin/internal/datastore"
	"meta-k3s/standin/internal/loadbalancer"
	"meta-k3s/standin/internal/node"
	"meta-k3s/standin/internal/notify"
	"meta-k3s/standin/internal/options"
	"meta-k3s/standin/internal/pki"
	"meta-k3s/standin/internal/supervise"
	"meta-k3s/standin/internal/token"
)

const (
	apiPort = "6443"
	apiURL  = "https://127.0.0.1:" + apiPort
)

type server struct {
	options *options.Options
	group   *supervise.Group
	node    *node.Node
	store   *datastore.Store
	keys    *pki.Set
	token   token.Token
	admin   *rest.Config
	clients kubernetes.Interface
}

func (s *server) path(name string) string { return filepath.Join(s.options.DataDir, "server", name) }

// Run runs the server until the context ends or something that it needs does.
func Run(ctx context.Context, opts *options.Options, notifier notify.Notifier) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s := &server{options: opts, group: supervise.NewGroup()}
	this, err := node.New(opts, s.group)
	if err != nil {
		return err
	}
	s.node = this
	defer func() {
		s.group.Stop(10 * time.Second)
		if s.store != nil {
			s.store.Close()
		}
	}()
	prepared := make(chan error, 1)
	go func() { prepared <- s.node.Prepare(ctx) }()
	if err := s.openStore(ctx); err != nil {
		return err
	}
	if err := s.prepareKeys(ctx); err != nil {
		return err
	}
	if err := s.startAPI(ctx); err != nil {
		return err
	}
	logrus.Info("Kube API server is now running")
	if err := notifier.Ready(); err != nil {
		return err
	}
	logrus.Info("k3s is up and running")
	s.startControllers(ctx)
	if err := s.group.Until(ctx, time.Second, s.publish); err != nil {
		return err
	}
	deployer, err := addons.NewDeployer(s.admin, s.path("manifests"), s.options.Disable)
	if err != nil {
		return err
	}
	go deployer.Run(ctx)
	go s.approveServing(ctx)
	go s.labelNode(ctx)
	if !s.options.Disabled("servicelb") {
		go loadbalancer.Run(ctx, s.clients)
	}
	select {
	case err := <-prepared:
		if err != nil {
			return err
		}
	case err := <-s.group.Failed():
		return err
	case <-ctx.Done():
		return nil
	}
	if err := s.node.Start(ctx, s.cluster()); err != nil {
		return err
	}
	select {
	case err := <-s.group.Failed():
		return err
	case <-ctx.Done():
		return nil
	}
}

func (s *server) cluster() node.Cluster {
	return node.Cluster{
		ClientCA: string(s.keys.Client.PEM()), ClusterCIDR: s.options.ClusterCIDR, ClusterDNS: s.options.ClusterDNS,
		ClusterDomain: s.options.ClusterDomain, FlannelBackend: s.options.FlannelBackend,
		ServiceCIDR: s.options.ServiceCIDR, NetworkPolicy: !s.options.DisableNetworkPolicy,
	}
}

func (s *server) openStore(ctx context.Context) error {
	// kine makes the directory of its own default, and of no other endpoint (kine: pkg/drivers/sqlite/sqlite.go).
	if s.options.DatastoreEndpoint == "" {
		if err := os.MkdirAll(s.path("db"), 0o700); err != nil {
			return err
		}
	}
	store, err := datastore.Open(ctx, datastore.Config{
		Endpoint: datastore.PlanEndpoint(s.options.DatastoreEndpoint, s.path("db/state.db")),
		CAFile:   s.options.DatastoreCAFile,
		CertFile: s.options.DatastoreCertFile,
		KeyFile:  s.options.DatastoreKeyFile,
		Socket:   s.path("kine.sock"),
	})
	if err != nil {
		return err
	}
	s.store = store
	s.group.Go("the datastore", store.Wait)
	return nil
}

// startAPI starts the API server, and waits until it is ready.
func (s *server) startAPI(ctx context.Context) error {
	args := s.apiArgs()
	s.group.Go("kube-apiserver", func() error { return components.RunAPIServer(args) })
	config, err := clientcmd.BuildConfigFromFlags("", s.path("cred/admin.kubeconfig"))
	if err != nil {
		return err
	}
	s.admin = config
	if s.clients, err = kubernetes.NewForConfig(config); err != nil {
		return err
	}
	return s.group.Until(ctx, 250*time.Millisecond, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		return s.clients.CoreV1().RESTClient().Get().AbsPath("/readyz").Do(ctx).Error()
	})
}

func (s *server) apiArgs() []string {
	tls := func(name string) string { return s.path("tls/" + name) }
	issuer := "https://kubernetes.default.svc." + s.options.ClusterDomain
	return withArgs(slices.Concat(s.store.Etcd.Args(), []string{
		"--advertise-address=" + s.node.IP.String(),
		"--secure-port=" + apiPort,
		"--tls-cert-file=" + tls("serving-kube-apiserver.crt"),
		"--tls-private-key-file=" + tls("serving-kube-apiserver.key"),
		"--client-ca-file=" + tls("client-ca.crt"),
		"--kubelet-certificate-authority=" + tls("server-ca.crt"),
		"--kubelet-client-certificate=" + tls("client-kube-apiserver.crt"),
		"--kubelet-client-key=" + tls("client-kube-apiserver.key"),
		"--kubelet-preferred-address-types=InternalIP,ExternalIP,Hostname",
		"--requestheader-client-ca-file=" + tls("request-header-ca.crt"),
		"--requestheader-allowed-names=system:auth-proxy",
		"--requestheader-extra-headers-prefix=X-Remote-Extra-",
		"--requestheader-group-headers=X-Remote-Group",
		"--requestheader-username-headers=X-Remote-User",
		"--proxy-client-cert-file=" + tls("client-auth-proxy.crt"),
		"--proxy-client-key-file=" + tls("client-auth-proxy.key"),
		"--service-account-issuer=" + issuer,
		"--api-audiences=" + issuer + ",k3s",
		"--service-account-key-file=" + tls("service.key"),
		"--service-account-signing-key-file=" + tls("service.key"),
		"--service-cluster-ip-range=" + s.options.ServiceCIDR,
		"--authorization-mode=Node,RBAC",
		"--anonymous-auth=false",
		"--enable-bootstrap-token-auth=true",
		"--enable-admission-plugins=NodeRestriction",
		"--enable-aggregator-routing=true",
		"--allow-privileged=true",
		"--profiling=false",
	}), s.options.APIServerArgs)
}

func (s *server) startControllers(ctx context.Context) {
	tls := func(name string) string { return s.path("tls/" + name) }
	kubeconfigs := func(name string) []string {
		file := s.path("cred/" + name + ".kubeconfig")
		return []string{
			"--kubeconfig=" + file, "--authentication-kubeconfig=" + file, "--authorization-kubeconfig=" + file,
			"--bind-address=127.0.0.1", "--leader-elect=" + strconv.FormatBool(s.store.Shared), "--profiling=false",
		}
	}
	manager := append(kubeconfigs("controller"),
		"--allocate-node-cidrs=true",
		"--cluster-cidr="+s.options.ClusterCIDR,
		"--service-cluster-ip-range="+s.options.ServiceCIDR,
		"--controllers=*,tokencleaner",
		"--root-ca-file="+tls("server-ca.crt"),
		"--service-account-private-key-file="+tls("service.key"),
		"--use-service-account-credentials=true",
		"--cluster-signing-kube-apiserver-client-cert-file="+tls("client-ca.crt"),
		"--cluster-signing-kube-apiserver-client-key-file="+tls("client-ca.key"),
		"--cluster-signing-kubelet-client-cert-file="+tls("client-ca.crt"),
		"--cluster-signing-kubelet-client-key-file="+tls("client-ca.key"),
		"--cluster-signing-kubelet-serving-cert-file="+tls("server-ca.crt"),
		"--cluster-signing-kubelet-serving-key-file="+tls("server-ca.key"),
		"--cluster-signing-legacy-unknown-cert-file="+tls("server-ca.crt"),
		"--cluster-signing-legacy-unknown-key-file="+tls("server-ca.key"),
	)
	manager = withArgs(manager, s.options.ControllerArgs)
	s.group.Go("kube-controller-manager", func() error { return components.RunControllerManager(manager) })
	scheduler := withArgs(kubeconfigs("scheduler"), s.options.SchedulerArgs)
	s.group.Go("kube-scheduler", func() error { return components.RunScheduler(ctx, scheduler) })
}

func withArgs(args, extra []string) []string {
	for _, arg := range extra {
		args = append(args, "--"+strings.TrimLeft(arg, "-"))
	}
	return args
}

// serviceIP is the first address of the services' network, which is the API's own.
func serviceIP(cidr string) (string, error) {
	address, err := firstAddress(cidr)
	if err != nil {
		return "", fmt.Errorf("service-cidr: %w", err)
	}
	return address.String(), nil
}
