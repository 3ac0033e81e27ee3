// Package pki keeps a server's certificates in k3s's layout. The authorities are made once; what they sign is signed
// anew at every start, so that a device that was switched off for years comes back with valid certificates.
package pki

import (
	"crypto"
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	certutil "k8s.io/client-go/util/cert"
	"k8s.io/client-go/util/keyutil"
	kubeadmapi "k8s.io/kubernetes/cmd/kubeadm/app/apis/kubeadm"
	"k8s.io/kubernetes/cmd/kubeadm/app/util/pkiutil"
	"meta-k3s/standin/internal/files"
)

const validity = 365 * 24 * time.Hour

// Authority is a certificate authority on disk.
type Authority struct {
	dir, name string
	cert      *x509.Certificate
	key       crypto.Signer
}

// PEM is the authority's certificate as it lies on disk.
func (a *Authority) PEM() []byte { return pkiutil.EncodeCertPEM(a.cert) }

// Set is a server's key material.
type Set struct {
	Dir                           string
	Server, Client, RequestHeader *Authority
}

// Files are the names of the files that Open reads or makes: those of a cluster, while all else belongs to one server.
var Files = []string{
	"client-ca.crt", "client-ca.key", "request-header-ca.crt", "request-header-ca.key", "server-ca.crt", "server-ca.key", "service.key",
}

// Open reads the authorities and the service account key below dir, or makes them.
func Open(dir string, now time.Time) (*Set, error) {
	set := &Set{Dir: dir}
	for name, into := range map[string]**Authority{"server": &set.Server, "client": &set.Client, "request-header": &set.RequestHeader} {
		authority, err := openAuthority(dir, name, now)
		if err != nil {
			return nil, fmt.Errorf("%s CA in %s: %w", name, dir, err)
		}
		*into = authority
	}
	service := filepath.Join(dir, "service.key")
	if _, err := os.Stat(service); os.IsNotExist(err) {
		text, err := keyutil.MakeEllipticPrivateKeyPEM()
		if err != nil {
			return nil, err
		}
		if err := files.Write(service, text, 0o600); err != nil {
			return nil, err
		}
	}
	return set, nil
}

func openAuthority(dir, name string, now time.Time) (*Authority, error) {
	base := name + "-ca"
	if pkiutil.CertOrKeyExist(dir, base) {
		cert, key, err := pkiutil.TryLoadCertAndKeyFromDisk(dir, base)
		return &Authority{dir, name, cert, key}, err
	}
	cert, key, err := pkiutil.NewCertificateAuthority(&pkiutil.CertConfig{
		Config: certutil.Config{
			CommonName: fmt.Sprintf("k3s-%s-ca@%d", name, now.Unix()),
			NotBefore:  now,
		},
		NotAfter:            now.Add(10 * validity),
		EncryptionAlgorithm: kubeadmapi.EncryptionAlgorithmECDSAP256,
	})
	if err != nil {
		return nil, err
	}
	// The key first: a certificate without its key would be taken for whole after a power cut.
	text, err := keyutil.MarshalPrivateKeyToPEM(key)
	if err != nil {
		return nil, err
	}
	if err := files.Write(filepath.Join(dir, base+".key"), text, 0o600); err != nil {
		return nil, err
	}
	return &Authority{dir, name, cert, key}, files.Write(filepath.Join(dir, base+".crt"), pkiutil.EncodeCertPEM(cert), 0o644)
}

// SignClient makes name.crt and name.key for a user with groups.
func (a *Authority) SignClient(now time.Time, path, user string, groups ...string) error {
	return a.sign(now, path, certutil.Config{CommonName: user, Organization: groups, Usages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
}

// SignServer makes name.crt, followed by the authority's own certificate, and name.key for the given names and addresses.
// The chain lets an agent learn the authority from the handshake, which it then compares with its token.
func (a *Authority) SignServer(now time.Time, path, commonName string, names []string, addresses []net.IP) error {
	return a.sign(now, path, certutil.Config{
		CommonName: commonName,
		AltNames:   certutil.AltNames{DNSNames: names, IPs: addresses},
		Usages:     []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
}

func (a *Authority) sign(now time.Time, path string, config certutil.Config) error {
	// As in k3s a certificate is valid as long as its authority was: a clock that is set back later does not void it.
	config.NotBefore = a.cert.NotBefore
	cert, key, err := pkiutil.NewCertAndKey(a.cert, a.key, &pkiutil.CertConfig{
		Config: config, NotAfter: now.Add(validity), EncryptionAlgorithm: kubeadmapi.EncryptionAlgorithmECDSAP256,
	})
	if err != nil {
		return fmt.Errorf("sign %s: %w", path, err)
	}
	text, err := keyutil.MarshalPrivateKeyToPEM(key)
	if err != nil {
		return err
	}
	if err := files.Write(path+".key", text, 0o600); err != nil {
		return err
	}
	chain := pkiutil.EncodeCertPEM(cert)
	if len(config.AltNames.DNSNames)+len(config.AltNames.IPs) > 0 {
		chain = append(chain, a.PEM()...)
	}
	return files.Write(path+".crt", chain, 0o644)
}
