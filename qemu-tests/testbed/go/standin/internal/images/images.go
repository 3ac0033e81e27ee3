// Package images brings the archives of a folder into containerd.
package images

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/sirupsen/logrus"
)

const interval = 5 * time.Second

// Importer imports into one containerd.
type Importer struct {
	Dir         string // where the archives are
	Socket      string // containerd's
	Snapshotter string
	imported    map[string]string // path to state
	unpinned    []string          // names of images that kubelet might still remove
}

// Archives tells whether ctr can read a file of that name: tar, plain or compressed with gzip or zstd.
func Archives(name string) bool {
	for _, ending := range []string{".tar", ".tar.gz", ".tgz", ".tar.zst"} {
		if strings.HasSuffix(name, ending) {
			return true
		}
	}
	return false
}

// Sync imports every archive that is new or has changed. What fails is logged and tried again when the file changes, as
// with k3s: a pod that needs it says so itself.
func (i *Importer) Sync(ctx context.Context) {
	if i.imported == nil {
		i.imported = map[string]string{}
	}
	entries, err := os.ReadDir(i.Dir)
	if err != nil {
		if !os.IsNotExist(err) {
			logrus.Warnf("Failed to read the image archives: %v", err)
		}
		return
	}
	present := []string{}
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil || !info.Mode().IsRegular() || strings.HasPrefix(entry.Name(), ".") {
			continue
		}
		path := filepath.Join(i.Dir, entry.Name())
		present = append(present, path)
		state := fmt.Sprintf("%d %s", info.Size(), info.ModTime())
		if i.imported[path] == state {
			continue
		}
		i.imported[path] = state
		if !Archives(entry.Name()) {
			logrus.Warnf("Not an image archive that the stand-in can read (.tar, .tar.gz, .tar.zst): %s", path)
			continue
		}
		begin := time.Now()
		names, err := i.load(ctx, path)
		if err != nil {
			logrus.Errorf("Error encountered while importing %s: %v", path, err)
			continue
		}
		logrus.Infof("Imported images from %s in %s: %s", path, time.Since(begin).Round(time.Millisecond), strings.Join(names, " "))
	}
	for path := range i.imported {
		if !slices.Contains(present, path) {
			delete(i.imported, path)
		}
	}
}

// pin keeps kubelet from removing what it could not pull again. It need not come before the first pod.
func (i *Importer) pin(ctx context.Context) {
	for _, name := range i.unpinned {
		if _, err := i.ctr(ctx, "images", "label", name, "io.cri-containerd.pinned=pinned"); err != nil {
			logrus.Warnf("Failed to pin image %s: %v", name, err)
		}
	}
	i.unpinned = nil
}

// Watch calls Sync until the context ends.
func (i *Importer) Watch(ctx context.Context) {
	for {
		i.pin(ctx)
		select {
		case <-ctx.Done():
			return
		case <-time.After(interval):
			i.Sync(ctx)
		}
	}
}

func (i *Importer) load(ctx context.Context, path string) ([]string, error) {
	output, err := i.ctr(ctx, "images", "import", "--snapshotter", i.Snapshotter, path)
	if err != nil {
		return nil, err
	}
	names := parseImported(output)
	i.unpinned = append(i.unpinned, names...)
	return names, nil
}

// parseImported finds the images' names in what `ctr images import` prints: "unpacking NAME (DIGEST)...done".
func parseImported(output string) []string {
	names := []string{}
	for line := range strings.Lines(output) {
		fields := strings.Fields(line)
		if len(fields) > 1 && fields[0] == "unpacking" {
			names = append(names, fields[1])
		}
	}
	return names
}

func (i *Importer) ctr(ctx context.Context, args ...string) (string, error) {
	command := exec.CommandContext(ctx, "ctr", append([]string{"--address", i.Socket, "--namespace", "k8s.io"}, args...)...)
	output, err := command.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, lastLine(output))
	}
	return string(output), nil
}

// lastLine is where ctr says what went wrong; above it may stand a page of help.
func lastLine(output []byte) []byte {
	lines := bytes.Split(bytes.TrimSpace(output), []byte("\n"))
	return lines[len(lines)-1]
}
