package options

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func noEnvironment(string) string { return "" }

func writeConfig(t *testing.T, files map[string]string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.MkdirAll(path+".d", 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(filepath.Dir(path), name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

func TestLaterFilesReplaceOrAdd(t *testing.T) {
	path := writeConfig(t, map[string]string{
		"config.yaml":           "node-name: first\ndisable: [traefik, servicelb]\nnode-label: [a=1]\n",
		"config.yaml.d/20.yaml": "node-label+:\n  - c=3\nprotect-kernel-defaults: true\n",
		"config.yaml.d/10.yaml": "node-name: second\nnode-label+: b=2\n",
		"config.yaml.d/30.txt":  "node-name: not read\n",
	})
	options, warnings, err := Load("server", []string{"--config", path, "--node-label", "d=4", "--disable=metrics-server"}, noEnvironment)
	if err != nil || len(warnings) > 0 {
		t.Fatal(err, warnings)
	}
	if options.NodeName != "second" || !options.ProtectKernelDefaults {
		t.Errorf("%+v", options)
	}
	if want := []string{"a=1", "b=2", "c=3", "d=4"}; !reflect.DeepEqual(options.NodeLabels, want) {
		t.Errorf("labels %v", options.NodeLabels)
	}
	if want := []string{"traefik", "servicelb", "metrics-server"}; !reflect.DeepEqual(options.Disable, want) {
		t.Errorf("disable %v", options.Disable)
	}
}

func TestWhatWins(t *testing.T) {
	environment := func(name string) string {
		return map[string]string{"K3S_URL": "https://environment:6443", "K3S_NODE_NAME": "environment", "K3S_TOKEN_FILE": "/environment"}[name]
	}
	path := writeConfig(t, map[string]string{"config.yaml": "server: https://file:6443\nnode-name: file\n"})
	options, _, err := Load("agent", []string{"-c=" + path, "--node-name", "argument"}, environment)
	if err != nil {
		t.Fatal(err)
	}
	if options.Server != "https://file:6443" || options.NodeName != "argument" || options.TokenFile != "/environment" {
		t.Errorf("%+v", options)
	}
}

func TestRefusals(t *testing.T) {
	for name, test := range map[string]struct {
		role, config string
		args         []string
		want         string
	}{
		"unknown option":      {"server", "", []string{"--no-such"}, "flag provided but not defined: -no-such"},
		"a server's own":      {"agent", "", []string{"--disable", "coredns"}, "flag provided but not defined: -disable"},
		"a server's in file":  {"agent", "disable: [coredns]\n", nil, "flag provided but not defined: -disable"},
		"no value":            {"server", "", []string{"--token"}, "needs an argument"},
		"a word":              {"server", "", []string{"word"}, "unexpected argument"},
		"unknown component":   {"server", "disable: [nothing]\n", nil, "invalid value \"nothing\""},
		"unknown backend":     {"server", "flannel-backend: udp\n", nil, "unsupported --flannel-backend=udp"},
		"not a truth":         {"server", "debug: maybe\n", nil, "invalid boolean"},
		"not a mapping":       {"server", "- a\n", nil, "config.yaml"},
		"not YAML":            {"server", "a: [\n", nil, "config.yaml"},
		"a mapping as value":  {"server", "disable: {a: b}\n", nil, "plain or a list"},
		"server on a server":  {"server", "server: https://other:6443\n", nil, "embedded etcd"},
		"missing token file":  {"server", "token-file: /no/such\n", nil, ""},
		"nothing but comment": {"server", "# nothing\n", nil, ""},
	} {
		path := writeConfig(t, map[string]string{"config.yaml": test.config})
		_, _, err := Load(test.role, append([]string{"--config", path}, test.args...), noEnvironment)
		if test.want == "" {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
		} else if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestUnknownKeyInServersFileWarns(t *testing.T) {
	path := writeConfig(t, map[string]string{"config.yaml": "no-such: 1\n"})
	_, warnings, err := Load("server", []string{"--config", path}, noEnvironment)
	if err != nil || len(warnings) != 1 || !strings.Contains(warnings[0], "--no-such") {
		t.Error(warnings, err)
	}
}

func TestReadToken(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(path, []byte("  secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if token, err := (&Options{TokenFile: path}).ReadToken(); token != "secret" || err != nil {
		t.Error(token, err)
	}
	if err := os.WriteFile(path, []byte("\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, options := range []Options{{TokenFile: path}, {TokenFile: path + "-missing"}} {
		if _, err := options.ReadToken(); err == nil {
			t.Errorf("%+v was accepted", options)
		}
	}
}
