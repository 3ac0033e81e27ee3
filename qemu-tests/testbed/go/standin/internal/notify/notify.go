// Package notify tells systemd how far the service is.
package notify

import (
	"net"
	"os"
)

// Notifier is the service manager's socket.
type Notifier struct{ path string }

// Open takes the socket out of the environment, so that no child speaks for the service.
func Open() Notifier {
	path := os.Getenv("NOTIFY_SOCKET")
	os.Unsetenv("NOTIFY_SOCKET") //nolint:errcheck // the name is valid
	return Notifier{path}
}

// Ready sends READY=1, where a service manager waits for it.
func (n Notifier) Ready() error {
	if n.path == "" {
		return nil
	}
	path := n.path
	if path[0] == '@' {
		path = "\x00" + path[1:]
	}
	connection, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		return err
	}
	defer connection.Close() //nolint:errcheck // nothing is buffered
	_, err = connection.Write([]byte("READY=1"))
	return err
}
