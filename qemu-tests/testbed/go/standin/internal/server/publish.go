package server

import (
	"context"
	"embed"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1apply "k8s.io/client-go/applyconfigurations/core/v1"
	"meta-k3s/standin/internal/addons"
	"meta-k3s/standin/internal/files"
	"meta-k3s/standin/internal/node"
	"meta-k3s/standin/internal/token"
)

// AgentConfig is the ConfigMap in kube-system that tells agents about the cluster.
const AgentConfig = "k3s-agent-config"

//go:embed manifests
var bundled embed.FS

// publish puts into the cluster what agents need, and the bundled manifests into their folder.
func (s *server) publish(ctx context.Context) error {
	apply := metav1.ApplyOptions{FieldManager: "k3s", Force: true}
	cluster := s.cluster()
	config := corev1apply.ConfigMap(AgentConfig, metav1.NamespaceSystem).WithData(map[string]string{
		"clientCA": cluster.ClientCA, "clusterCIDR": cluster.ClusterCIDR, "clusterDNS": cluster.ClusterDNS,
		"clusterDomain": cluster.ClusterDomain, "flannelBackend": cluster.FlannelBackend,
		"serviceCIDR": cluster.ServiceCIDR, "networkPolicy": strconv.FormatBool(cluster.NetworkPolicy),
	})
	if _, err := s.clients.CoreV1().ConfigMaps(metav1.NamespaceSystem).Apply(ctx, config, apply); err != nil {
		return err
	}
	id, secret := token.Bootstrap(s.token.Secret)
	bootstrap := corev1apply.Secret("bootstrap-token-"+id, metav1.NamespaceSystem).
		WithType(corev1.SecretTypeBootstrapToken).
		WithStringData(map[string]string{"token-id": id, "token-secret": secret, "usage-bootstrap-authentication": "true"})
	if _, err := s.clients.CoreV1().Secrets(metav1.NamespaceSystem).Apply(ctx, bootstrap, apply); err != nil {
		return err
	}
	return s.writeManifests()
}

// writeManifests writes the bundled manifests, and takes away those of what is disabled, as k3s does.
func (s *server) writeManifests() error {
	values := strings.NewReplacer(
		"%{CLUSTER_DNS}%", s.options.ClusterDNS,
		"%{CLUSTER_DOMAIN}%", s.options.ClusterDomain,
		"%{STORAGE_DIR}%", filepath.Join(s.options.DataDir, "storage"),
	)
	return fs.WalkDir(bundled, "manifests", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		relative := strings.TrimPrefix(path, "manifests/")
		target := s.path(path)
		if addons.Skipped(relative, s.options.Disable) {
			if err := os.Remove(target); err != nil && !os.IsNotExist(err) {
				return err
			}
			return nil
		}
		text, err := bundled.ReadFile(path)
		if err != nil {
			return err
		}
		return files.Write(target, []byte(values.Replace(string(text))), 0o600)
	})
}

// ParseAgentConfig reads what publish wrote.
func ParseAgentConfig(data map[string]string) node.Cluster {
	return node.Cluster{
		ClientCA: data["clientCA"], ClusterCIDR: data["clusterCIDR"], ClusterDNS: data["clusterDNS"],
		ClusterDomain: data["clusterDomain"], FlannelBackend: data["flannelBackend"],
		ServiceCIDR: data["serviceCIDR"], NetworkPolicy: data["networkPolicy"] == "true",
	}
}
