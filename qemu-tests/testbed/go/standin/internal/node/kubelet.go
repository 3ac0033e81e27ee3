package node

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"meta-k3s/standin/internal/files"
	"meta-k3s/standin/internal/options"
	"meta-k3s/standin/internal/supervise"
	"sigs.k8s.io/yaml"
)

// nodeName is the name asked for or the host's, with a lasting random ending where --with-node-id wants it.
func nodeName(opts *options.Options) (string, error) {
	name := opts.NodeName
	if name == "" {
		host, err := os.Hostname()
		if err != nil {
			return "", err
		}
		name = host
	}
	name = strings.ToLower(name)
	if !opts.WithNodeID {
		return name, nil
	}
	path := "/etc/rancher/node/id" // as in k3s outside the data folder: it names the device, not its state
	id, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		random := make([]byte, 4)
		rand.Read(random) //nolint:errcheck // never fails
		id = []byte(hex.EncodeToString(random))
		err = files.Write(path, append(id, '\n'), 0o644)
	}
	return name + "-" + strings.TrimSpace(string(id)), err
}

// WriteKubeconfig writes how to reach the API at server. Exactly one of token and certificate (path without .crt/.key)
// is given.
func WriteKubeconfig(path, server, caFile, token, certificate string) error {
	config := clientcmdapi.NewConfig()
	config.Clusters["local"] = &clientcmdapi.Cluster{Server: server, CertificateAuthority: caFile}
	user := &clientcmdapi.AuthInfo{Token: token}
	if certificate != "" {
		user.ClientCertificate, user.ClientKey = certificate+".crt", certificate+".key"
	}
	config.AuthInfos["user"] = user
	config.Contexts["Default"] = &clientcmdapi.Context{Cluster: "local", AuthInfo: "user"}
	config.CurrentContext = "Default"
	text, err := clientcmd.Write(*config)
	if err != nil {
		return err
	}
	return files.Write(path, text, 0o600)
}

func (n *Node) startKubelet(cluster Cluster) error {
	clientCA := n.path("client-ca.crt")
	if err := files.Write(clientCA, []byte(cluster.ClientCA), 0o644); err != nil {
		return err
	}
	resolv, err := n.resolvConf()
	if err != nil {
		return err
	}
	cgroupDriver := "cgroupfs"
	if underSystemd() {
		cgroupDriver = "systemd"
	}
	config := map[string]any{
		"apiVersion": "kubelet.config.k8s.io/v1beta1",
		"kind":       "KubeletConfiguration",
		"authentication": map[string]any{
			"anonymous": map[string]any{"enabled": false},
			"webhook":   map[string]any{"enabled": true},
			"x509":      map[string]any{"clientCAFile": clientCA},
		},
		"authorization":            map[string]any{"mode": "Webhook"},
		"cgroupDriver":             cgroupDriver,
		"clusterDNS":               []string{cluster.ClusterDNS},
		"clusterDomain":            cluster.ClusterDomain,
		"containerRuntimeEndpoint": "unix://" + containerdSocket,
		"evictionHard":             map[string]string{"imagefs.available": "5%", "nodefs.available": "5%"},
		"evictionMinimumReclaim":   map[string]string{"imagefs.available": "10%", "nodefs.available": "10%"},
		"failSwapOn":               false,
		"healthzBindAddress":       "127.0.0.1",
		"protectKernelDefaults":    n.options.ProtectKernelDefaults,
		"resolvConf":               resolv,
		"rotateCertificates":       true,
		"serverTLSBootstrap":       true,
		"staticPodPath":            n.path("pod-manifests"),
	}
	if err := os.MkdirAll(n.path("pod-manifests"), 0o700); err != nil {
		return err
	}
	text, err := yaml.Marshal(config)
	if err != nil {
		return err
	}
	path := n.path("etc/kubelet.conf.d/00-k3s-defaults.conf")
	if err := files.Write(path, text, 0o600); err != nil {
		return err
	}
	own, extra, err := splitKubeletConfig(n.options.KubeletArgs)
	if err != nil {
		return err
	}
	if err := n.takeKubeletConfig(own); err != nil {
		return err
	}
	args := []string{
		// Without it kubelet begins with what its flags once meant, an open read-only port among it (cmd/kubelet/app/options, applyLegacyDefaults).
		"--config=" + path,
		"--config-dir=" + filepath.Dir(path),
		"--kubeconfig=" + n.Kubeconfig(),
		"--cert-dir=" + n.path("pki"),
		"--hostname-override=" + n.Name,
		"--node-ip=" + n.IP.String(),
	}
	if _, err := os.Stat(n.BootstrapKubeconfig()); err == nil {
		args = append(args, "--bootstrap-kubeconfig="+n.BootstrapKubeconfig())
	}
	labels := append([]string{"node.kubernetes.io/instance-type=k3s"}, n.options.NodeLabels...)
	args = append(args, "--node-labels="+strings.Join(labels, ","))
	if len(n.options.NodeTaints) > 0 {
		args = append(args, "--register-with-taints="+strings.Join(n.options.NodeTaints, ","))
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	return n.group.Start(supervise.Command{Name: "kubelet", Path: self, Args: withArgs(args, extra)})
}

// splitKubeletConfig takes config=FILE out of kubelet's arguments, as k3s does (pkg/daemons/agent/agent.go): the last one counts.
func splitKubeletConfig(args []string) (file string, rest []string, err error) {
	for _, arg := range args {
		name, value, _ := strings.Cut(strings.TrimLeft(arg, "-"), "=")
		switch name {
		case "config":
			file = value
		case "config-dir":
			return "", nil, errors.New("the stand-in does not know kubelet-arg config-dir")
		default:
			rest = append(rest, arg)
		}
	}
	return file, rest, nil
}

// takeKubeletConfig copies a configuration of the user's to where kubelet reads it after the stand-in's own; "" is none.
func (n *Node) takeKubeletConfig(file string) error {
	path := n.path("etc/kubelet.conf.d/10-cli-config.conf")
	if file == "" {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("kubelet-arg config: %w", err)
	}
	return files.Write(path, text, 0o600)
}

// resolvConf is the file that pods inherit: as in k3s one without a loopback resolver, which no pod could reach.
func (n *Node) resolvConf() (string, error) {
	if n.options.ResolvConf != "" {
		return n.options.ResolvConf, nil
	}
	for _, path := range []string{"/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"} {
		if text, err := os.ReadFile(path); err == nil && reachable(string(text)) {
			return path, nil
		}
	}
	path := n.path("etc/resolv.conf")
	return path, files.Write(path, []byte("nameserver 8.8.8.8\n"), 0o644)
}

// reachable tells whether a resolv.conf names resolvers, all of them outside this host.
func reachable(text string) bool {
	found := false
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) < 2 || fields[0] != "nameserver" {
			continue
		}
		address := net.ParseIP(fields[1])
		if address == nil || !address.IsGlobalUnicast() {
			return false
		}
		found = true
	}
	return found
}

// waitPodCIDR waits until the node is registered and the controller manager has given it its subnet.
func (n *Node) waitPodCIDR(ctx context.Context) error {
	return n.group.Until(ctx, 250*time.Millisecond, func(ctx context.Context) error {
		config, err := clientcmd.BuildConfigFromFlags("", n.Kubeconfig())
		if err != nil {
			return err
		}
		client, err := kubernetes.NewForConfig(config)
		if err != nil {
			return err
		}
		found, err := client.CoreV1().Nodes().Get(ctx, n.Name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		if found.Spec.PodCIDR == "" {
			return fmt.Errorf("node %s has no pod CIDR yet", n.Name)
		}
		return nil
	})
}

// ClientCertificate is where a server puts its own node's certificate, without .crt and .key.
func (n *Node) ClientCertificate() string {
	return filepath.Join(n.options.DataDir, "agent", "client-kubelet")
}
