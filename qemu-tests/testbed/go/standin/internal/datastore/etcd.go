package datastore

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/k3s-io/kine/pkg/drivers/sqlite"
	kinetls "github.com/k3s-io/kine/pkg/tls"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
)

const dialTimeout = 5 * time.Second

// Etcd is how to reach an etcd, or kine.
type Etcd struct {
	Endpoints                 []string
	CAFile, CertFile, KeyFile string
}

// PlanEndpoint is the endpoint that was asked for, or a SQLite database in the file path, with kine's own parameters.
func PlanEndpoint(asked, path string) string {
	if asked != "" {
		return asked
	}
	return "sqlite://" + path + "?" + sqlite.DefaultParams
}

// Args are the API server's arguments for this etcd.
func (e Etcd) Args() []string {
	args := []string{"--etcd-servers=" + strings.Join(e.Endpoints, ",")}
	for _, file := range []struct{ name, path string }{{"cafile", e.CAFile}, {"certfile", e.CertFile}, {"keyfile", e.KeyFile}} {
		if file.path != "" {
			args = append(args, "--etcd-"+file.name+"="+file.path)
		}
	}
	return args
}

func (e Etcd) tls() (*tls.Config, error) {
	return kinetls.Config{CAFile: e.CAFile, CertFile: e.CertFile, KeyFile: e.KeyFile}.ClientConfig()
}

// Client makes a client of this etcd; it does not connect yet.
func (e Etcd) Client() (*clientv3.Client, error) {
	config, err := e.tls()
	if err != nil {
		return nil, fmt.Errorf("datastore: %w", err)
	}
	return clientv3.New(clientv3.Config{Endpoints: e.Endpoints, DialTimeout: dialTimeout, TLS: config, Logger: zap.NewNop()})
}

// Probe tries to reach each endpoint by itself, and gives the first one's reason where none can be reached: the client only tells
// that its time was over, never that a certificate was not to be trusted.
func (e Etcd) Probe(ctx context.Context) error {
	config, err := e.tls()
	if err != nil {
		return err
	}
	var first error
	for _, endpoint := range e.Endpoints {
		err := probe(ctx, endpoint, config)
		if err == nil {
			return nil
		}
		if first == nil {
			first = err
		}
	}
	return first
}

func probe(ctx context.Context, endpoint string, config *tls.Config) error {
	address, err := url.Parse(endpoint)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	network, host := "tcp", address.Host
	if address.Scheme == "unix" {
		network, host = "unix", address.Path
	}
	if address.Scheme != "https" {
		connection, err := new(net.Dialer).DialContext(ctx, network, host)
		if err != nil {
			return err
		}
		return connection.Close()
	}
	dialer := tls.Dialer{Config: config}
	connection, err := dialer.DialContext(ctx, network, host)
	if err != nil {
		return fmt.Errorf("%s: %w", address.Host, err)
	}
	return connection.Close()
}
