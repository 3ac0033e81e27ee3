package datastore

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func TestPlanEndpoint(t *testing.T) {
	const durable = "sqlite:///db?_synchronous=FULL"
	if got := PlanEndpoint(durable, "/state.db"); got != durable {
		t.Error(got)
	}
	if got := PlanEndpoint("", "/state.db"); !strings.HasPrefix(got, "sqlite:///state.db?") || !strings.Contains(got, "_journal_mode=WAL") {
		t.Error(got)
	}
}

func TestEtcdArgs(t *testing.T) {
	etcd := Etcd{Endpoints: []string{"https://one:2379", "https://two:2379"}, CAFile: "/ca", CertFile: "/crt", KeyFile: "/key"}
	want := []string{"--etcd-servers=https://one:2379,https://two:2379", "--etcd-cafile=/ca", "--etcd-certfile=/crt", "--etcd-keyfile=/key"}
	if got := etcd.Args(); !reflect.DeepEqual(got, want) {
		t.Error(got)
	}
	if got := (Etcd{Endpoints: []string{"unix:///kine.sock"}}).Args(); len(got) != 1 {
		t.Error(got)
	}
}

func TestOpenTellsWhatItDoesNotTake(t *testing.T) {
	for endpoint, want := range map[string]string{
		"mysql://root:password@tcp(db)/": "mysql:// is not known",
		"state.db":                       "invalid datastore endpoint",
	} {
		_, err := Open(t.Context(), Config{Endpoint: endpoint, Socket: filepath.Join(t.TempDir(), "kine.sock")})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "password") {
			t.Errorf("%s: %v", endpoint, err)
		}
	}
}

func TestEtcdIsPassedThrough(t *testing.T) {
	store, err := Open(t.Context(), Config{Endpoint: "https://one:2379,https://two:2379", CAFile: "/ca", CertFile: "/crt", KeyFile: "/key"})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	want := Etcd{Endpoints: []string{"https://one:2379", "https://two:2379"}, CAFile: "/ca", CertFile: "/crt", KeyFile: "/key"}
	if !store.Shared || !reflect.DeepEqual(store.Etcd, want) {
		t.Errorf("%+v", store)
	}
}

func TestAnEndIsSeen(t *testing.T) {
	for _, endpoint := range []string{"sqlite://" + filepath.Join(t.TempDir(), "state.db"), "https://one:2379"} {
		store, err := Open(t.Context(), Config{Endpoint: endpoint, Socket: filepath.Join(t.TempDir(), "kine.sock")})
		if err != nil {
			t.Fatal(err)
		}
		ended := make(chan error)
		go func() { ended <- store.Wait() }()
		select {
		case err := <-ended:
			t.Errorf("%s ended by itself: %v", endpoint, err)
		default:
		}
		store.Close()
		if err := <-ended; err != nil {
			t.Errorf("%s: %v", endpoint, err)
		}
	}
}

func TestProbeTellsWhatTheClientDoesNot(t *testing.T) {
	server := httptest.NewTLSServer(http.NotFoundHandler())
	defer server.Close()
	if err := probe(t.Context(), server.URL, &tls.Config{}); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Error(err)
	}
	trusted := server.Client().Transport.(*http.Transport).TLSClientConfig
	if err := probe(t.Context(), server.URL, trusted); err != nil {
		t.Error(err)
	}
	away := Etcd{Endpoints: []string{"http://127.0.0.1:9"}}
	if err := away.Probe(t.Context()); err == nil || !strings.Contains(err.Error(), "refused") {
		t.Error(err)
	}
}
