package images

import (
	"reflect"
	"testing"
)

func TestArchives(t *testing.T) {
	for name, want := range map[string]bool{
		"a.tar": true, "a.tar.gz": true, "a.tgz": true, "a.tar.zst": true, "a.txt": false, "a.tar.lz4": false, "tar": false,
	} {
		if got := Archives(name); got != want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestParseImported(t *testing.T) {
	output := "unpacking docker.io/rancher/mirrored-pause:3.10.2 (sha256:0123)...done\nsomething else\nunpacking docker.io/library/busybox:1 (sha256:4567)...done\n"
	want := []string{"docker.io/rancher/mirrored-pause:3.10.2", "docker.io/library/busybox:1"}
	if got := parseImported(output); !reflect.DeepEqual(got, want) {
		t.Errorf("%v", got)
	}
}

func TestLastLine(t *testing.T) {
	if got := string(lastLine([]byte("usage\n   of ctr\n\nctr: no such file\n"))); got != "ctr: no such file" {
		t.Error(got)
	}
}
