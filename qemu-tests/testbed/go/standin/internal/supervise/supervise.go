// Package supervise runs components that must all live, as child processes or within this one: when one ends, the caller
// is told and ends the others.
package supervise

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"

	"github.com/sirupsen/logrus"
)

// Command is a child process.
type Command struct {
	Name string   // for people, and argv[0]
	Path string   // what is executed
	Args []string // without argv[0]
	Env  []string // added to this process's environment
}

type child struct {
	Command
	process *exec.Cmd
	ended   chan struct{}
}

// Group is the children of this process, in the order of their start.
type Group struct {
	mutex    sync.Mutex
	children []*child
	requests chan func()
	failed   chan error
	stopping bool
}

// NewGroup makes an empty group. Children are started from one operating system thread that lives as long as this
// process, because the kernel ends them (PR_SET_PDEATHSIG) with the thread that started them.
func NewGroup() *Group {
	group := &Group{requests: make(chan func()), failed: make(chan error, 1)}
	go func() {
		runtime.LockOSThread()
		for request := range group.requests {
			request()
		}
	}()
	return group
}

// Failed gives the reason once a child has ended by itself.
func (g *Group) Failed() <-chan error { return g.failed }

// Start runs the command; its output is this process's own.
func (g *Group) Start(command Command) error {
	process := exec.Command(command.Path)
	process.Args = append([]string{command.Name}, command.Args...)
	process.Env = append(os.Environ(), command.Env...)
	process.Stdout, process.Stderr = os.Stdout, os.Stderr
	process.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	started := &child{Command: command, process: process, ended: make(chan struct{})}
	result := make(chan error)
	g.requests <- func() { result <- process.Start() }
	if err := <-result; err != nil {
		return fmt.Errorf("start %s: %w", command.Name, err)
	}
	g.mutex.Lock()
	g.children = append(g.children, started)
	g.mutex.Unlock()
	go func() {
		err := process.Wait()
		close(started.ended)
		g.fail(command.Name, err)
	}()
	return nil
}

// Go runs a component within this process. It ends with the process, and may end it.
func (g *Group) Go(name string, run func() error) {
	go func() { g.fail(name, run()) }()
}

// fail remembers the first that ended although it was not told to.
func (g *Group) fail(name string, err error) {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	if g.stopping {
		return
	}
	if err == nil {
		err = errors.New("it ended without an error")
	}
	select {
	case g.failed <- fmt.Errorf("%s exited: %w", name, err):
	default:
	}
}

// Stop ends the children, the youngest first, each with SIGTERM and after grace with SIGKILL.
func (g *Group) Stop(grace time.Duration) {
	g.mutex.Lock()
	g.stopping = true
	children := g.children
	g.mutex.Unlock()
	for i := len(children) - 1; i >= 0; i-- {
		started := children[i]
		_ = started.process.Process.Signal(syscall.SIGTERM)
		select {
		case <-started.ended:
		case <-time.After(grace):
			logrus.Warnf("%s did not end within %s", started.Name, grace)
			_ = started.process.Process.Kill()
			<-started.ended
		}
	}
}

// Until calls ready every interval until it gives no error, the context ends or a child does.
func (g *Group) Until(ctx context.Context, interval time.Duration, ready func(context.Context) error) error {
	for {
		err := ready(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case reason := <-g.failed:
			g.failed <- reason
			return reason
		case <-time.After(interval):
		}
	}
}
