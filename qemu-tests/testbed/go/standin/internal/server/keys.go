package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"k8s.io/client-go/tools/clientcmd"
	"meta-k3s/standin/internal/bootstrap"
	"meta-k3s/standin/internal/files"
	"meta-k3s/standin/internal/node"
	"meta-k3s/standin/internal/pki"
	"meta-k3s/standin/internal/token"
)

// prepareKeys takes the authorities from the datastore, or makes them and keeps them there, and makes all that they sign: certificates, the
// token, and the kubeconfig files.
func (s *server) prepareKeys(ctx context.Context) error {
	now := time.Now()
	dir := s.path("tls")
	if err := s.prepareSecret(); err != nil {
		return err
	}
	if err := s.prepareAuthorities(ctx, dir, now); err != nil {
		return err
	}
	keys := s.keys
	if err := s.writeToken(); err != nil {
		return err
	}
	service, err := serviceIP(s.options.ServiceCIDR)
	if err != nil {
		return err
	}
	host, err := os.Hostname()
	if err != nil {
		return err
	}
	names := []string{"kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc." + s.options.ClusterDomain, "localhost", host, s.node.Name}
	addresses := []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback, s.node.IP, net.ParseIP(service)}
	if external := net.ParseIP(s.options.NodeExternalIP); external != nil {
		addresses = append(addresses, external)
	}
	addresses = append(addresses, hostAddresses()...)
	for _, extra := range s.options.TLSSANs {
		if address := net.ParseIP(extra); address != nil {
			addresses = append(addresses, address)
		} else {
			names = append(names, extra)
		}
	}
	in := func(name string) string { return filepath.Join(dir, name) }
	ca := filepath.Join(dir, "server-ca.crt")
	steps := []func() error{
		func() error {
			return keys.Server.SignServer(now, in("serving-kube-apiserver"), "kube-apiserver", names, addresses)
		},
		func() error {
			return keys.Client.SignClient(now, in("client-kube-apiserver"), "system:apiserver", "system:masters")
		},
		func() error { return keys.RequestHeader.SignClient(now, in("client-auth-proxy"), "system:auth-proxy") },
		func() error { return s.credential(now, "admin", "system:admin", "system:masters") },
		func() error { return s.credential(now, "controller", "system:kube-controller-manager") },
		func() error { return s.credential(now, "scheduler", "system:kube-scheduler") },
		func() error { return files.Write(s.node.ServerCA(), keys.Server.PEM(), 0o644) },
		func() error {
			return keys.Client.SignClient(now, s.node.ClientCertificate(), "system:node:"+s.node.Name, "system:nodes")
		},
		func() error {
			return node.WriteKubeconfig(s.node.Kubeconfig(), apiURL, s.node.ServerCA(), "", s.node.ClientCertificate())
		},
		func() error { return s.writeUserKubeconfig(ca, in("client-admin")) },
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func (s *server) credential(now time.Time, name, user string, groups ...string) error {
	path := s.path("tls/client-" + name)
	if err := s.keys.Client.SignClient(now, path, user, groups...); err != nil {
		return err
	}
	return node.WriteKubeconfig(s.path("cred/"+name+".kubeconfig"), apiURL, s.path("tls/server-ca.crt"), "", path)
}

// writeUserKubeconfig writes /etc/rancher/k3s/k3s.yaml, which holds its keys itself so that it can be copied elsewhere.
func (s *server) writeUserKubeconfig(caFile, certificate string) error {
	mode, err := strconv.ParseUint(s.options.WriteKubeconfigMode, 8, 32)
	if err != nil {
		return fmt.Errorf("invalid write-kubeconfig-mode %q: %w", s.options.WriteKubeconfigMode, err)
	}
	config, err := clientcmd.LoadFromFile(s.path("cred/admin.kubeconfig"))
	if err != nil {
		return err
	}
	config.Clusters["default"], config.AuthInfos["default"], config.Contexts["default"] = config.Clusters["local"], config.AuthInfos["user"], config.Contexts["Default"]
	delete(config.Clusters, "local")
	delete(config.AuthInfos, "user")
	delete(config.Contexts, "Default")
	config.Contexts["default"].Cluster, config.Contexts["default"].AuthInfo, config.CurrentContext = "default", "default", "default"
	cluster, user := config.Clusters["default"], config.AuthInfos["default"]
	for file, into := range map[string]*[]byte{
		caFile: &cluster.CertificateAuthorityData, certificate + ".crt": &user.ClientCertificateData, certificate + ".key": &user.ClientKeyData,
	} {
		if *into, err = os.ReadFile(file); err != nil {
			return err
		}
	}
	cluster.CertificateAuthority, user.ClientCertificate, user.ClientKey = "", "", ""
	text, err := clientcmd.Write(*config)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(s.options.WriteKubeconfig), 0o755); err != nil {
		return err
	}
	return files.Write(s.options.WriteKubeconfig, text, fs.FileMode(mode))
}

func (s *server) prepareAuthorities(ctx context.Context, dir string, now time.Time) error {
	client, err := s.store.Etcd.Client()
	if err != nil {
		return err
	}
	defer client.Close() //nolint:errcheck // what was to be written was acknowledged
	cluster := bootstrap.Cluster{
		Client: client, Probe: s.store.Etcd.Probe, Shared: s.store.Shared, Secret: s.token.Secret, Dir: dir, Names: pki.Files,
	}
	found, err := cluster.Load(ctx)
	if err != nil {
		return err
	}
	if s.keys, err = pki.Open(dir, now); err != nil || found {
		return err
	}
	return cluster.Save(ctx)
}

// prepareSecret takes the secret of the token that was given, of that of an earlier start, or a new one.
func (s *server) prepareSecret() error {
	given, err := s.options.ReadToken()
	if err != nil {
		return err
	}
	kept, err := os.ReadFile(s.path("token"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	s.token, err = token.Choose(given, string(kept))
	return err
}

// writeToken compares the token that was given with the authority, and writes the full one for agents.
func (s *server) writeToken() error {
	if s.token.CAHash != "" && s.token.CAHash != token.HashCA(s.keys.Server.PEM()) {
		return errors.New("token CA hash does not match the Cluster CA certificate hash")
	}
	text := token.Format(s.keys.Server.PEM(), "server", s.token.Secret) + "\n"
	for _, name := range []string{"token", "node-token"} {
		if err := files.Write(s.path(name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}

func firstAddress(cidr string) (netip.Addr, error) {
	prefix, err := netip.ParsePrefix(cidr)
	if err != nil {
		return netip.Addr{}, err
	}
	return prefix.Masked().Addr().Next(), nil
}

// hostAddresses are this device's own addresses, for a device may be reached by more than one.
func hostAddresses() []net.IP {
	found := []net.IP{}
	addresses, _ := net.InterfaceAddrs() // what cannot be listed is not added
	for _, address := range addresses {
		if network, ok := address.(*net.IPNet); ok && network.IP.IsGlobalUnicast() {
			found = append(found, network.IP)
		}
	}
	return found
}
