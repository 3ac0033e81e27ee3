package server

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io/fs"
	"net"
	"testing"

	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	"meta-k3s/standin/internal/addons"
)

func requestFor(t *testing.T, name string, names []string, addresses ...string) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.CertificateRequest{Subject: pkix.Name{CommonName: name, Organization: []string{"system:nodes"}}, DNSNames: names}
	for _, address := range addresses {
		template.IPAddresses = append(template.IPAddresses, net.ParseIP(address))
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, template, key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})
}

func TestJudgeServing(t *testing.T) {
	own := []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: "10.0.2.15"}, {Type: corev1.NodeHostName, Address: "one"}}
	const user = "system:node:one"
	nodes := []string{"system:nodes"}
	for name, test := range map[string]struct {
		request []byte
		groups  []string
		ok      bool
	}{
		"its own":         {requestFor(t, user, []string{"one"}, "10.0.2.15"), nodes, true},
		"another's name":  {requestFor(t, user, []string{"two"}, "10.0.2.15"), nodes, false},
		"another address": {requestFor(t, user, []string{"one"}, "10.0.2.16"), nodes, false},
		"another node":    {requestFor(t, "system:node:two", []string{"one"}), nodes, false},
		"no node":         {requestFor(t, user, []string{"one"}), []string{"system:bootstrappers"}, false},
		"nonsense":        {[]byte("nonsense"), nodes, false},
	} {
		spec := certificatesv1.CertificateSigningRequestSpec{Request: test.request, Username: user, Groups: test.groups}
		if err := judgeServing(spec, own); (err == nil) != test.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestBundledManifestsAreManifests(t *testing.T) {
	found := 0
	err := fs.WalkDir(bundled, "manifests", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := bundled.ReadFile(path)
		if err != nil {
			return err
		}
		objects, err := addons.Parse(text)
		if err != nil || len(objects) == 0 {
			t.Errorf("%s: %d objects, %v", path, len(objects), err)
		}
		found++
		return nil
	})
	if err != nil || found != 4 {
		t.Error(found, err)
	}
}

func TestServiceIP(t *testing.T) {
	if got, err := serviceIP("10.43.0.0/16"); got != "10.43.0.1" || err != nil {
		t.Error(got, err)
	}
	if _, err := serviceIP("nonsense"); err == nil {
		t.Error("nonsense was accepted")
	}
}
