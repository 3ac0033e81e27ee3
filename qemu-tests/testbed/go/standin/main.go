// Command k3s is the stand-in for k3s in the testbed: upstream Kubernetes behind the part of k3s's command line and file
// layout that the layer's scripts and the tests use. It is no k3s and never ships in an image.
package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"

	"github.com/sirupsen/logrus"
	"k8s.io/component-base/version"
	"meta-k3s/standin/internal/agent"
	"meta-k3s/standin/internal/collector"
	"meta-k3s/standin/internal/components"
	"meta-k3s/standin/internal/notify"
	"meta-k3s/standin/internal/options"
	"meta-k3s/standin/internal/server"
)

const usage = `NAME:
   k3s - a stand-in: upstream Kubernetes behind k3s's command line, for tests only

USAGE:
   k3s [--version] server|agent|kubectl|crictl|ctr [options]
`

var roles = map[string]func(context.Context, *options.Options, notify.Notifier) error{"server": server.Run, "agent": agent.Run}

func main() {
	if name := filepath.Base(os.Args[0]); components.Known(name) { // started as kubectl, or as the server's child
		os.Exit(runComponent(name, os.Args))
	}
	if len(os.Args) < 2 {
		fmt.Print(usage)
		return
	}
	switch command, rest := os.Args[1], os.Args[2:]; command {
	case "server", "agent":
		os.Exit(runRole(command, rest))
	case "kubectl":
		os.Exit(runComponent(command, os.Args[1:]))
	case "crictl", "ctr":
		os.Exit(replaceBy(command, rest))
	case "--version", "-v":
		fmt.Printf("k3s version %s (stand-in: upstream Kubernetes)\ngo version %s\n", version.Get().GitVersion, runtime.Version())
	case "help", "--help", "-h":
		fmt.Print(usage)
	default:
		fmt.Fprintf(os.Stderr, "No help topic for '%s': the stand-in knows server, agent, kubectl, crictl, ctr and --version\n", command)
		os.Exit(3)
	}
}

func runComponent(name string, args []string) int {
	os.Args = slices.Concat([]string{name}, args[1:])
	if name == "kubectl" && os.Getenv("KUBECONFIG") == "" {
		if err := os.Setenv("KUBECONFIG", "/etc/rancher/k3s/k3s.yaml"); err != nil {
			logrus.Error(err)
			return 1
		}
	}
	return components.Run(name)
}

func runRole(role string, args []string) int {
	if slices.ContainsFunc(args, func(arg string) bool { return arg == "--help" || arg == "-h" }) {
		fmt.Print(usage)
		return 0
	}
	if err := collector.Relax(); err != nil {
		logrus.Warnf("The garbage collector stays as it is: %v", err)
	}
	components.Prepare()
	notifier := notify.Open()
	opts, warnings, err := options.Load(role, args, os.Getenv)
	if err != nil {
		logrus.StandardLogger().Log(logrus.FatalLevel, err)
		return 1
	}
	// No child needs to know it.
	os.Unsetenv("K3S_TOKEN") //nolint:errcheck // the name is valid
	for _, warning := range warnings {
		logrus.Warn(warning)
	}
	logrus.Infof("Starting k3s %s (stand-in: upstream Kubernetes)", version.Get().GitVersion)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if err := roles[role](ctx, opts, notifier); err != nil && ctx.Err() == nil {
		logrus.StandardLogger().Log(logrus.FatalLevel, err)
		return 1
	}
	return 0
}

// replaceBy becomes another program, with the containerd of k3s as its own.
func replaceBy(name string, args []string) int {
	path, err := exec.LookPath("/usr/libexec/k3s/" + name)
	if err != nil {
		path, err = exec.LookPath(name)
	}
	if err == nil {
		env := append(os.Environ(), "CONTAINERD_ADDRESS=/run/k3s/containerd/containerd.sock", "CONTAINERD_NAMESPACE=k8s.io",
			"CONTAINER_RUNTIME_ENDPOINT=unix:///run/k3s/containerd/containerd.sock")
		err = syscall.Exec(path, append([]string{name}, args...), env)
	}
	fmt.Fprintf(os.Stderr, "%s cannot be run: %v\n", name, err)
	return 1
}
