package node

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"meta-k3s/standin/internal/files"
	"meta-k3s/standin/internal/supervise"
)

// PauseImage is the sandbox image; it comes from an archive, and nothing pulls it.
const PauseImage = "docker.io/rancher/mirrored-pause:3.10.2"

const (
	containerdState  = "/run/k3s/containerd"
	containerdSocket = containerdState + "/containerd.sock"
)

// renderContainerd writes containerd's configuration, in the version that containerd 1.7 and 2.x both read.
func renderContainerd(root, snapshotter, binDir, confDir string, systemdCgroup bool) string {
	return fmt.Sprintf(`# Written by k3s at every start.
version = 2
root = %q
state = %q

[grpc]
  address = %q

[plugins."io.containerd.internal.v1.opt"]
  path = %q

[plugins."io.containerd.grpc.v1.cri"]
  stream_server_address = "127.0.0.1"
  stream_server_port = "10010"
  enable_selinux = false
  enable_unprivileged_ports = true
  enable_unprivileged_icmp = true
  sandbox_image = %q

[plugins."io.containerd.grpc.v1.cri".containerd]
  snapshotter = %q
  disable_snapshot_annotations = true

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
  SystemdCgroup = %t

[plugins."io.containerd.grpc.v1.cri".cni]
  bin_dir = %q
  conf_dir = %q
`, root, containerdState, containerdSocket, root, PauseImage, snapshotter, systemdCgroup, binDir, confDir)
}

// The snapshotter that k3s's containerd has compiled in and Debian's has not: upstream's own program serves it, over a socket.
const (
	fuseOverlayfs        = "fuse-overlayfs"
	fuseOverlayfsProgram = "containerd-fuse-overlayfs-grpc"
	fuseOverlayfsSocket  = containerdState + "/fuse-overlayfs.sock"
)

// renderProxy writes the part of containerd's configuration that names a snapshotter outside of it; empty for one that it has.
func renderProxy(snapshotter string) string {
	if snapshotter != fuseOverlayfs {
		return ""
	}
	return fmt.Sprintf(`
[proxy_plugins.%s]
  type = "snapshot"
  address = %q
`, fuseOverlayfs, fuseOverlayfsSocket)
}

// startSnapshotter starts the snapshotter that was asked for, where containerd does not have it, and waits until it answers. The
// program mounts something for a try first, so what lacks is in its words.
func (n *Node) startSnapshotter(ctx context.Context) error {
	if n.options.Snapshotter != fuseOverlayfs {
		return nil
	}
	program, err := exec.LookPath(fuseOverlayfsProgram)
	if err != nil {
		return err
	}
	args := []string{fuseOverlayfsSocket, n.path("containerd/io.containerd.snapshotter.v1." + fuseOverlayfs)}
	if err := n.group.Start(supervise.Command{Name: fuseOverlayfsProgram, Path: program, Args: args}); err != nil {
		return err
	}
	return n.group.Until(ctx, 100*time.Millisecond, answers(fuseOverlayfsSocket))
}

// answers gives a look at whether something listens at a socket.
func answers(socket string) func(context.Context) error {
	return func(context.Context) error {
		connection, err := net.Dial("unix", socket)
		if err != nil {
			return err
		}
		return connection.Close()
	}
}

// underSystemd tells whether systemd started this process, and so manages the cgroups: k3s's own rule.
func underSystemd() bool { return os.Getenv("INVOCATION_ID") != "" }

// cniBinDir is the folder of the CNI plugins: as in k3s, the one where the PATH finds host-local.
func cniBinDir() (string, error) {
	found, err := exec.LookPath("host-local")
	if err != nil {
		return "", fmt.Errorf("failed to find host-local: %w", err)
	}
	return filepath.Dir(found), nil
}

// startContainerd starts containerd and waits until it answers.
func (n *Node) startContainerd(ctx context.Context) error {
	binDir, err := cniBinDir()
	if err != nil {
		return err
	}
	program, err := exec.LookPath("containerd")
	if err != nil {
		return err
	}
	config := n.path("etc/containerd/config.toml")
	text := renderContainerd(n.path("containerd"), n.options.Snapshotter, binDir, n.path("etc/cni/net.d"), underSystemd())
	text += renderProxy(n.options.Snapshotter)
	if err := files.Write(config, []byte(text), 0o600); err != nil {
		return err
	}
	for _, dir := range []string{n.path("containerd"), n.path("etc/cni/net.d"), containerdState} {
		if err := os.MkdirAll(dir, 0o711); err != nil {
			return err
		}
	}
	if err := n.startSnapshotter(ctx); err != nil {
		return err
	}
	if err := n.group.Start(supervise.Command{Name: "containerd", Path: program, Args: []string{"-c", config}}); err != nil {
		return err
	}
	if err := n.group.Until(ctx, 100*time.Millisecond, answers(containerdSocket)); err != nil {
		return err
	}
	return n.checkSnapshotter(ctx)
}

// checkSnapshotter fails at once when containerd does not have the snapshotter that was asked for.
func (n *Node) checkSnapshotter(ctx context.Context) error {
	output, err := exec.CommandContext(ctx, "ctr", "--address", containerdSocket, "plugins", "ls").CombinedOutput()
	if err != nil {
		return fmt.Errorf("ask containerd for its plugins: %w: %s", err, strings.TrimSpace(string(output)))
	}
	switch status := snapshotterStatus(string(output), n.options.Snapshotter); status {
	case "ok":
		return nil
	case "":
		return fmt.Errorf("failed to find snapshotter %q: containerd does not have it", n.options.Snapshotter)
	default:
		return fmt.Errorf("snapshotter %q cannot be used (%s): prepare %s for it", n.options.Snapshotter, status,
			n.path("containerd/io.containerd.snapshotter.v1."+n.options.Snapshotter))
	}
}

// snapshotterStatus reads the status of a snapshotter out of `ctr plugins ls`; empty if it is not there.
func snapshotterStatus(listing, name string) string {
	for line := range strings.Lines(listing) {
		fields := strings.Fields(line)
		if len(fields) >= 4 && fields[0] == "io.containerd.snapshotter.v1" && fields[1] == name {
			return fields[len(fields)-1]
		}
	}
	return ""
}
