// Package agent joins a cluster and runs this device as one of its nodes.
package agent

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"os"
	"time"

	"github.com/sirupsen/logrus"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/kubernetes/cmd/kubeadm/app/util/pkiutil"
	"meta-k3s/standin/internal/files"
	"meta-k3s/standin/internal/node"
	"meta-k3s/standin/internal/notify"
	"meta-k3s/standin/internal/options"
	"meta-k3s/standin/internal/server"
	"meta-k3s/standin/internal/supervise"
	"meta-k3s/standin/internal/token"
)

const retry = 5 * time.Second

// Run runs the agent until the context ends or something that it needs does.
func Run(ctx context.Context, opts *options.Options, notifier notify.Notifier) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	text, err := opts.ReadToken()
	if err != nil {
		return err
	}
	if text == "" {
		return errors.New("--token is required")
	}
	if opts.Server == "" {
		return errors.New("--server is required")
	}
	address, err := url.Parse(opts.Server)
	if err != nil || address.Scheme != "https" || address.Host == "" {
		return fmt.Errorf("invalid server url %q: https://SERVER:6443 is expected", opts.Server)
	}
	join, err := token.Parse(text)
	if err != nil {
		return err
	}
	group := supervise.NewGroup()
	defer group.Stop(10 * time.Second)
	this, err := node.New(opts, group)
	if err != nil {
		return err
	}
	prepared := make(chan error, 1)
	go func() { prepared <- this.Prepare(ctx) }()
	cluster, err := meet(ctx, group, this, address, join)
	if err != nil {
		return ignoreEnd(ctx, err)
	}
	select {
	case err := <-prepared:
		if err != nil {
			return err
		}
	case err := <-group.Failed():
		return err
	case <-ctx.Done():
		return nil
	}
	if err := this.Start(ctx, cluster); err != nil {
		return ignoreEnd(ctx, err)
	}
	if err := notifier.Ready(); err != nil {
		return err
	}
	logrus.Info("k3s agent is up and running")
	select {
	case err := <-group.Failed():
		return err
	case <-ctx.Done():
		return nil
	}
}

func ignoreEnd(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// meet asks the server until it answers: its authority is checked against the token first, then the token is used.
func meet(ctx context.Context, group *supervise.Group, this *node.Node, address *url.URL, join token.Token) (node.Cluster, error) {
	cluster := node.Cluster{}
	return cluster, group.Until(ctx, retry, func(ctx context.Context) error {
		authority, err := fetchAuthority(ctx, address)
		if err == nil && join.CAHash != "" && join.CAHash != token.HashCA(authority) {
			err = fmt.Errorf("token CA hash does not match the Cluster CA certificate hash: %s != %s", join.CAHash, token.HashCA(authority))
		}
		if err != nil {
			logrus.Errorf("Failed to validate connection to cluster at %s: %v", address, err)
			return err
		}
		if err := files.Write(this.ServerCA(), authority, 0o644); err != nil {
			return err
		}
		found, err := fetchCluster(ctx, this, address.String(), join.Secret)
		if err != nil {
			logrus.Infof("Waiting to retrieve agent configuration; server is not ready: %v", err)
			return err
		}
		cluster = found
		return nil
	})
}

// fetchAuthority takes the server's authority from the chain that it shows, and checks that the chain is sound.
func fetchAuthority(ctx context.Context, address *url.URL) ([]byte, error) {
	dialer := tls.Dialer{Config: &tls.Config{
		InsecureSkipVerify: true, //nolint:gosec // the authority is what is being asked for; it is checked below and by the caller
	}}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	host := address.Host
	if address.Port() == "" {
		host += ":443"
	}
	connection, err := dialer.DialContext(ctx, "tcp", host)
	if err != nil {
		return nil, fmt.Errorf("failed to get CA certs: %w", err)
	}
	defer connection.Close() //nolint:errcheck // nothing was written
	chain := connection.(*tls.Conn).ConnectionState().PeerCertificates
	authority := chain[len(chain)-1]
	roots := x509.NewCertPool()
	roots.AddCert(authority)
	if !authority.IsCA {
		return nil, fmt.Errorf("failed to get CA certs: %s does not show its authority: it is no k3s server", address)
	}
	if _, err := chain[0].Verify(x509.VerifyOptions{Roots: roots, DNSName: address.Hostname()}); err != nil {
		return nil, err
	}
	return pkiutil.EncodeCertPEM(authority), nil
}

// fetchCluster asks for the cluster's settings with the token, and leaves kubelet the means to ask for its certificate.
func fetchCluster(ctx context.Context, this *node.Node, address, secret string) (node.Cluster, error) {
	id, bootstrap := token.Bootstrap(secret)
	path := this.BootstrapKubeconfig()
	if err := node.WriteKubeconfig(path, address, this.ServerCA(), id+"."+bootstrap, ""); err != nil {
		return node.Cluster{}, err
	}
	config, err := clientcmd.BuildConfigFromFlags("", path)
	if err != nil {
		return node.Cluster{}, err
	}
	config.Timeout = 10 * time.Second
	clients, err := kubernetes.NewForConfig(config)
	if err != nil {
		return node.Cluster{}, err
	}
	found, err := clients.CoreV1().ConfigMaps(metav1.NamespaceSystem).Get(ctx, server.AgentConfig, metav1.GetOptions{})
	if apierrors.IsUnauthorized(err) {
		os.Remove(path) //nolint:errcheck // it is of no use, and is written anew next time
		return node.Cluster{}, fmt.Errorf("%s: 401 Unauthorized: the token is not this cluster's", address)
	}
	if err != nil {
		return node.Cluster{}, err
	}
	return server.ParseAgentConfig(found.Data), nil
}
