package bootstrap

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"meta-k3s/standin/internal/datastore"
)

// openStore opens a SQLite database through kine, as a server does.
func openStore(t *testing.T) *datastore.Store {
	t.Helper()
	dir := t.TempDir()
	store, err := datastore.Open(t.Context(), datastore.Config{
		Endpoint: datastore.PlanEndpoint("", filepath.Join(dir, "state.db")), Socket: filepath.Join(dir, "kine.sock"),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	return store
}

// machine is a machine with a disk of its own, blank but for the given files.
func machine(t *testing.T, store *datastore.Store, secret string, content map[string]string) *Cluster {
	t.Helper()
	client, err := store.Etcd.Client()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() }) //nolint:errcheck // nothing is under way
	c := &Cluster{Client: client, Probe: store.Etcd.Probe, Secret: secret, Dir: t.TempDir(), Names: []string{"ca.crt", "ca.key"}}
	for name, text := range content {
		if err := os.WriteFile(filepath.Join(c.Dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

var keys = map[string]string{"ca.crt": "certificate", "ca.key": "key"}

func TestANewMachineTakesTheClusterOver(t *testing.T) {
	store := openStore(t)
	first := machine(t, store, "secret", keys)
	if found, err := first.Load(t.Context()); found || err != nil {
		t.Fatal(found, err)
	}
	if err := first.Save(t.Context()); err != nil {
		t.Fatal(err)
	}
	second := machine(t, store, "secret", nil)
	if found, err := second.Load(t.Context()); !found || err != nil {
		t.Fatal(found, err)
	}
	for name, want := range keys {
		path := filepath.Join(second.Dir, name)
		text, err := os.ReadFile(path)
		if err != nil || string(text) != want {
			t.Errorf("%s: %q, %v", name, text, err)
		}
		if info, err := os.Stat(path); err == nil && filepath.Ext(name) == ".key" && info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %s", name, info.Mode())
		}
	}
	stranger := machine(t, store, "other", nil)
	if _, err := stranger.Load(t.Context()); !errors.Is(err, ErrOtherToken) {
		t.Error(err)
	}
	if names, _ := os.ReadDir(stranger.Dir); len(names) > 0 {
		t.Error("a stranger was left files", names)
	}
}

func TestALockLeftBehindIsTakenAway(t *testing.T) {
	store := openStore(t)
	first := machine(t, store, "secret", keys)
	if found, err := first.Load(t.Context()); found || err != nil { // and its power goes
		t.Fatal(found, err)
	}
	again := machine(t, store, "secret", keys)
	if found, err := again.Load(t.Context()); found || err != nil {
		t.Fatal(found, err)
	}
	if err := first.Save(t.Context()); err == nil || !strings.Contains(err.Error(), "another server") {
		t.Errorf("the first one saved too: %v", err)
	}
	if err := again.Save(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestHalfAClusterIsNotSaved(t *testing.T) {
	c := machine(t, openStore(t), "secret", map[string]string{"ca.crt": "certificate"})
	if _, err := c.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := c.Save(t.Context()); err == nil || !strings.Contains(err.Error(), "1 of 2") {
		t.Error(err)
	}
}

func TestADatastoreThatIsAwayIsWaitedFor(t *testing.T) {
	away := datastore.Etcd{Endpoints: []string{"http://127.0.0.1:9"}}
	client, err := away.Client()
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close() //nolint:errcheck // nothing is under way
	asked := make(chan struct{}, 1)
	c := &Cluster{Client: client, Dir: t.TempDir(), Probe: func(ctx context.Context) error {
		select {
		case asked <- struct{}{}:
		default:
		}
		return away.Probe(ctx)
	}}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	go func() { <-asked; cancel() }()
	if found, err := c.Load(ctx); found || !errors.Is(err, context.Canceled) {
		t.Error(found, err)
	}
}
