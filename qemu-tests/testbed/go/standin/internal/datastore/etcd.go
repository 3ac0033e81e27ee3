package datastore

import (
	"strings"

	"github.com/k3s-io/kine/pkg/drivers/sqlite"
)

// Etcd is how to reach an etcd, or kine.
type Etcd struct {
	Endpoints                 []string
	CAFile, CertFile, KeyFile string
}

// PlanEndpoint is the endpoint that was asked for, or a SQLite database in the file path, with kine's own parameters.
func PlanEndpoint(asked, path string) string {
	if asked != "" {
		return asked
	}
	return "sqlite://" + path + "?" + sqlite.DefaultParams
}

// Args are the API server's arguments for this etcd.
func (e Etcd) Args() []string {
	args := []string{"--etcd-servers=" + strings.Join(e.Endpoints, ",")}
	for _, file := range []struct{ name, path string }{{"cafile", e.CAFile}, {"certfile", e.CertFile}, {"keyfile", e.KeyFile}} {
		if file.path != "" {
			args = append(args, "--etcd-"+file.name+"="+file.path)
		}
	}
	return args
}
