// Package datastore gives the API server an etcd to talk to: the one that was asked for, or kine within this process in front of
// SQLite or PostgreSQL, as in k3s: between processes each request would switch between two address spaces, and an emulated processor
// forgets all translated addresses each time.
package datastore

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/k3s-io/kine/pkg/drivers"
	// kine's own list of drivers (pkg/endpoint) would add NATS, MySQL, an object store and a whole etcd server to this program.
	_ "github.com/k3s-io/kine/pkg/drivers/pgsql"
	_ "github.com/k3s-io/kine/pkg/drivers/remote"
	_ "github.com/k3s-io/kine/pkg/drivers/sqlite"
	"github.com/k3s-io/kine/pkg/server"
	"github.com/k3s-io/kine/pkg/tls"
	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"
)

// Values of the kine program's own defaults.
const (
	notifyInterval      = 5 * time.Second
	emulatedEtcdVersion = "3.6.11"
	compactTimeout      = 5 * time.Second
	compactMinRetain    = 1000
	compactBatchSize    = 1000
	pollBatchSize       = 500
)

// Limits of an etcd server, which clients of kine rely on.
const (
	keepaliveMinTime  = 5 * time.Second
	keepaliveInterval = 2 * time.Hour
	keepaliveTimeout  = 20 * time.Second
	maxRequestBytes   = 3 << 19
	grpcOverheadBytes = 512 << 10
)

const closeTimeout = 2 * time.Second

// Config says which datastore is wanted; the names are those of k3s's options.
type Config struct {
	Endpoint string // sqlite://, postgres:// or https://; a file in no endpoint's stead comes from PlanEndpoint
	CAFile   string
	CertFile string
	KeyFile  string
	Socket   string // where kine listens
}

// Store is an open datastore.
type Store struct {
	// Etcd is where the API server finds its etcd: kine's socket, or the endpoints that were given.
	Etcd Etcd
	// Shared tells whether other servers may use it too, so that controllers need a leader.
	Shared bool

	cancel context.CancelFunc
	server *grpc.Server
	served chan error
	ending *sync.WaitGroup
}

// Open opens the datastore. It waits for a database that is away, and says so, for five minutes; an etcd is not asked yet.
func Open(ctx context.Context, config Config) (*Store, error) {
	// What serves the API server has to outlive the signal that ends it; until it serves, the signal ends this wait.
	inner, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer context.AfterFunc(ctx, cancel)()
	store := &Store{cancel: cancel, served: make(chan error, 1), ending: &sync.WaitGroup{}}
	shared, backend, err := drivers.New(inner, store.ending, &drivers.Config{
		Endpoint:         config.Endpoint,
		BackendTLSConfig: tls.Config{CAFile: config.CAFile, CertFile: config.CertFile, KeyFile: config.KeyFile},
		CompactTimeout:   compactTimeout,
		CompactMinRetain: compactMinRetain,
		CompactBatchSize: compactBatchSize,
		PollBatchSize:    pollBatchSize,
	})
	if err != nil {
		cancel()
		return nil, fmt.Errorf("datastore: %w", explain(config.Endpoint, err))
	}
	store.Shared = shared
	if backend == nil {
		store.Etcd = Etcd{Endpoints: strings.Split(config.Endpoint, ","), CAFile: config.CAFile, CertFile: config.CertFile, KeyFile: config.KeyFile}
		return store, nil
	}
	if err := store.serve(inner, backend, config.Socket); err != nil {
		store.Close()
		return nil, fmt.Errorf("datastore: %w", err)
	}
	store.Etcd = Etcd{Endpoints: []string{"unix://" + config.Socket}}
	return store, nil
}

func (s *Store) serve(ctx context.Context, backend server.Backend, socket string) error {
	if err := backend.Start(ctx); err != nil {
		return err
	}
	if err := os.Remove(socket); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return err
	}
	if err := os.Chmod(socket, 0o600); err != nil {
		return err
	}
	s.server = grpc.NewServer(
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: keepaliveMinTime}),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: keepaliveInterval, Timeout: keepaliveTimeout}),
		grpc.MaxConcurrentStreams(math.MaxUint32),
		grpc.MaxRecvMsgSize(maxRequestBytes+grpcOverheadBytes),
		grpc.MaxSendMsgSize(math.MaxInt32),
	)
	server.New(backend, "unix", notifyInterval, emulatedEtcdVersion).Register(s.server)
	go func() {
		err := s.server.Serve(listener)
		if errors.Is(err, grpc.ErrServerStopped) { // closed before it began
			err = nil
		}
		s.served <- err
	}()
	return nil
}

// Wait returns when the datastore no longer serves, which before Close is a failure. An etcd elsewhere is never seen to end.
func (s *Store) Wait() error { return <-s.served }

// Close ends kine, after the requests that are under way, and closes the database.
func (s *Store) Close() {
	if s.server != nil {
		force := time.AfterFunc(closeTimeout, s.server.Stop)
		s.server.GracefulStop()
		force.Stop()
	} else {
		s.served <- nil
	}
	s.cancel()
	s.ending.Wait()
}

// explain says what an endpoint is that no driver takes, without its address, which may hold a password.
func explain(endpoint string, err error) error {
	scheme, _, _ := strings.Cut(endpoint, "://")
	if errors.Is(err, drivers.ErrUnknownDriver) {
		return fmt.Errorf("%s:// is not known to the stand-in, which takes sqlite, postgres, http and https", scheme)
	}
	return err
}
