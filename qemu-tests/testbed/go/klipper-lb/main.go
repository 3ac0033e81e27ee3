// Command klipper-lb forwards one port of a LoadBalancer service, in the pod that the service load balancer starts for
// it. It takes the settings that k3s's own image takes; that one writes iptables rules with a shell, this one copies
// bytes, so that the image needs neither.
package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"time"
)

// settings is what the environment asks for.
type settings struct {
	listen  string
	target  string
	allowed []netip.Prefix
}

// parse reads the environment: SRC_PORT, SRC_RANGES (comma-separated CIDRs), DEST_PROTO, DEST_PORT and DEST_IPS
// (comma-separated; the first that is IPv4 is used).
func parse(environment func(string) string) (settings, error) {
	if protocol := environment("DEST_PROTO"); protocol != "TCP" {
		return settings{}, fmt.Errorf("DEST_PROTO is %q: only TCP is forwarded", protocol)
	}
	found := settings{listen: "0.0.0.0:" + environment("SRC_PORT")}
	for text := range strings.SplitSeq(environment("SRC_RANGES"), ",") {
		if text == "" {
			continue
		}
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			return settings{}, fmt.Errorf("SRC_RANGES: %w", err)
		}
		found.allowed = append(found.allowed, prefix)
	}
	for text := range strings.SplitSeq(environment("DEST_IPS"), ",") {
		if address, err := netip.ParseAddr(text); err == nil && address.Is4() {
			found.target = net.JoinHostPort(text, environment("DEST_PORT"))
			return found, nil
		}
	}
	return settings{}, fmt.Errorf("DEST_IPS %q has no IPv4 address", environment("DEST_IPS"))
}

// allows tells whether a connection from the address is let in. Without ranges everybody is.
func (s settings) allows(from netip.Addr) bool {
	if len(s.allowed) == 0 {
		return true
	}
	for _, prefix := range s.allowed {
		if prefix.Contains(from.Unmap()) {
			return true
		}
	}
	return false
}

func serve(s settings) error {
	listener, err := net.Listen("tcp4", s.listen)
	if err != nil {
		return err
	}
	fmt.Printf("forwarding %s to %s\n", s.listen, s.target)
	for {
		client, err := listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return err
		}
		if err != nil {
			time.Sleep(100 * time.Millisecond) // out of file descriptors: until some are closed
			continue
		}
		go forward(s, client)
	}
}

func forward(s settings, client net.Conn) {
	defer client.Close() //nolint:errcheck // whoever is at the other end has gone
	from, err := netip.ParseAddrPort(client.RemoteAddr().String())
	if err != nil || !s.allows(from.Addr()) {
		return
	}
	server, err := net.DialTimeout("tcp4", s.target, 10*time.Second)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return
	}
	defer server.Close() //nolint:errcheck // as above
	done := make(chan struct{})
	go func() {
		copyOneWay(server, client)
		close(done)
	}()
	copyOneWay(client, server)
	<-done
}

// copyOneWay copies until the source ends, and hands that end on while the other way may go on.
func copyOneWay(into, from net.Conn) {
	io.Copy(into, from) //nolint:errcheck // a broken connection ends both ways, and there is nobody to tell
	if half, ok := into.(*net.TCPConn); ok {
		half.CloseWrite() //nolint:errcheck // as above
	}
}

func main() {
	found, err := parse(os.Getenv)
	if err == nil {
		err = serve(found)
	}
	fmt.Fprintln(os.Stderr, "klipper-lb:", err)
	os.Exit(1)
}
