package addons

import (
	"reflect"
	"strings"
	"testing"
)

const manifest = `
# a comment alone
---
apiVersion: v1
kind: Namespace
metadata: { name: one }
---
apiVersion: v1
kind: List
items:
  - { apiVersion: apps/v1, kind: Deployment, metadata: { name: two, namespace: one } }
  - { apiVersion: v1, kind: ConfigMap, metadata: { name: three } }
`

func TestParse(t *testing.T) {
	objects, err := Parse([]byte(manifest))
	if err != nil {
		t.Fatal(err)
	}
	want := []Object{
		{"v1", "Namespace", "", "one"},
		{"apps/v1", "Deployment", "one", "two"},
		{"v1", "ConfigMap", "", "three"},
	}
	if got := Identify(objects); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
}

func TestParseRefuses(t *testing.T) {
	for _, text := range []string{"a: [", "kind: Pod\n", "apiVersion: v1\nkind: Pod\nmetadata: {}\n"} {
		if _, err := Parse([]byte(text)); err == nil {
			t.Errorf("%q was accepted", text)
		}
	}
}

func TestGone(t *testing.T) {
	before := []Object{{"v1", "Namespace", "", "n"}, {"apps/v1beta1", "Deployment", "n", "d"}, {"v1", "Secret", "n", "s"}, {"v1", "Secret", "m", "s"}}
	after := []Object{{"apps/v1", "Deployment", "n", "d"}, {"v1", "Secret", "n", "s"}, {"v1", "Pod", "n", "p"}}
	want := []Object{{"v1", "Secret", "m", "s"}, {"v1", "Namespace", "", "n"}}
	if got := Gone(before, after); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
	if got := Gone(before, nil); len(got) != len(before) {
		t.Errorf("%+v", got)
	}
}

func TestSkipped(t *testing.T) {
	disabled := []string{"coredns", "metrics-server"}
	for path, want := range map[string]bool{
		"coredns.yaml":                  true,
		"metrics-server/anything.yaml":  true,
		"local-storage.yaml":            false,
		"mine/coredns-extra.yaml":       false,
		"mine/metrics-server.yml":       true,
		"metrics-server-extra/one.yaml": false,
	} {
		if got := Skipped(path, disabled); got != want {
			t.Errorf("%s: %v", path, got)
		}
	}
}

func TestRecordNamesAreNamesOfObjects(t *testing.T) {
	for path, want := range map[string]string{
		"coredns.yaml":           "k3s-addon-coredns.yaml",
		"metrics-server/a_B.yml": "k3s-addon-metrics-server-a-b.yml",
	} {
		if got := RecordName(path); got != want {
			t.Errorf("%s: %s", path, got)
		}
	}
	if name := RecordName("ä/.yaml"); strings.ContainsAny(name, "/ä_") || strings.HasSuffix(name, "-") {
		t.Error(name)
	}
}
