package node

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

const listing = `TYPE                            ID           PLATFORMS      STATUS
io.containerd.snapshotter.v1    btrfs        linux/amd64    skip
io.containerd.snapshotter.v1    overlayfs    linux/amd64    ok
io.containerd.content.v1        zfs          -              ok
`

func TestSnapshotterStatus(t *testing.T) {
	for name, want := range map[string]string{"overlayfs": "ok", "btrfs": "skip", "zfs": "", "content": ""} {
		if got := snapshotterStatus(listing, name); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestReachable(t *testing.T) {
	for text, want := range map[string]bool{
		"nameserver 10.0.2.3\n":                         true,
		"# nameserver\n":                                false,
		"nameserver 127.0.0.53\n":                       false,
		"nameserver 10.0.2.3\nnameserver ::1\n":         false,
		"search a\nnameserver 2001:db8::1\noptions x\n": true,
		"nameserver nonsense\n":                         false,
	} {
		if got := reachable(text); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func TestContainerdConfigNamesItsParts(t *testing.T) {
	text := renderContainerd("/data/containerd", "btrfs", "/cni/bin", "/cni/conf", true)
	for _, want := range []string{`root = "/data/containerd"`, `snapshotter = "btrfs"`, `bin_dir = "/cni/bin"`, `conf_dir = "/cni/conf"`, `SystemdCgroup = true`, PauseImage} {
		if !strings.Contains(text, want) {
			t.Errorf("%s is missing", want)
		}
	}
}

func TestContainerdAsksOutsideForWhatItHasNot(t *testing.T) {
	if text := renderProxy("overlayfs"); text != "" {
		t.Error(text)
	}
	text := renderProxy("fuse-overlayfs")
	for _, want := range []string{"[proxy_plugins.fuse-overlayfs]", `type = "snapshot"`, `address = "/run/k3s/containerd/fuse-overlayfs.sock"`} {
		if !strings.Contains(text, want) {
			t.Errorf("%s is missing", want)
		}
	}
}

func TestCNIConfigIsJSON(t *testing.T) {
	if !json.Valid([]byte(cniConfig)) {
		t.Error(cniConfig)
	}
}

func TestKubeletConfigIsTakenOutOfItsArguments(t *testing.T) {
	file, rest, err := splitKubeletConfig([]string{"max-pods=9", "config=/first", "--config=/last"})
	if err != nil || file != "/last" || !slices.Equal(rest, []string{"max-pods=9"}) {
		t.Error(file, rest, err)
	}
	if _, _, err := splitKubeletConfig([]string{"config-dir=/d"}); err == nil {
		t.Error("config-dir was taken")
	}
}
