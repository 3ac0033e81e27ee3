// Package components holds the upstream programs that the stand-in carries.
//
// Starting a process that holds all of Kubernetes costs seconds on an emulated machine before its first instruction of use,
// so the components run within one process as they do in k3s, except kubelet: it and the API server each claim the
// process's signal handler.
package components

import (
	"context"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	_ "k8s.io/client-go/plugin/pkg/client/auth"
	"k8s.io/component-base/cli"
	cliflag "k8s.io/component-base/cli/flag"
	"k8s.io/component-base/logs"
	logsapi "k8s.io/component-base/logs/api/v1"
	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
	"k8s.io/kubectl/pkg/cmd"
	cmdutil "k8s.io/kubectl/pkg/cmd/util"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	proxy "k8s.io/kubernetes/cmd/kube-proxy/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	scheduleroptions "k8s.io/kubernetes/cmd/kube-scheduler/app/options"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"
)

// Known tells whether name is a program that Run runs.
func Known(name string) bool { return name == "kubectl" || name == "kubelet" }

// Run becomes the program, with os.Args as its command line, and returns its exit code.
func Run(name string) int {
	if name == "kubelet" {
		return cli.Run(kubelet.NewKubeletCommand(context.Background()))
	}
	logs.GlogSetter(cmd.GetLogVerbosity(os.Args)) //nolint:errcheck // as upstream's main does
	if err := cli.RunNoErrOutput(cmd.NewDefaultKubectlCommand()); err != nil {
		cmdutil.CheckErr(err)
	}
	return 0
}

// Prepare makes this process ready for several components, of which each sets up the same logging.
func Prepare() {
	logsapi.ReapplyHandling = logsapi.ReapplyHandlingIgnoreUnchanged
	logs.InitLogs()
}

// RunAPIServer runs kube-apiserver with the arguments args within this process. It may be called once.
func RunAPIServer(args []string) error { return runCommand(apiserver.NewAPIServerCommand(), args) }

// RunControllerManager runs kube-controller-manager within this process.
func RunControllerManager(args []string) error {
	return runCommand(controllermanager.NewControllerManagerCommand(), args)
}

// RunProxy runs kube-proxy within this process.
func RunProxy(args []string) error { return runCommand(proxy.NewProxyCommand(), args) }

func runCommand(command *cobra.Command, args []string) error {
	command.SilenceUsage, command.SilenceErrors = true, true
	command.SetGlobalNormalizationFunc(cliflag.WordSepNormalizeFunc)
	command.SetArgs(args)
	return command.Execute()
}

// RunScheduler runs kube-scheduler within this process. Its command claims the signal handler too, so what the command
// does is done here without it.
func RunScheduler(ctx context.Context, args []string) error {
	options := scheduleroptions.NewOptions()
	flags := pflag.NewFlagSet("kube-scheduler", pflag.ContinueOnError)
	for _, set := range options.Flags.FlagSets {
		flags.AddFlagSet(set)
	}
	if err := flags.Parse(args); err != nil {
		return err
	}
	if err := options.ComponentGlobalsRegistry.Set(); err != nil {
		return err
	}
	config, running, err := scheduler.Setup(ctx, options)
	if err != nil {
		return err
	}
	return scheduler.Run(ctx, config, running)
}
