package server

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sirupsen/logrus"
	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// approveServing approves the serving certificates that the nodes' kubelets ask for, so that the API server and
// metrics-server can verify them. Upstream signs but approves none, because only the distribution can know the names.
func (s *server) approveServing(ctx context.Context) {
	for {
		if err := s.approveOnce(ctx); err != nil && ctx.Err() == nil {
			logrus.Errorf("Failed to approve kubelet serving certificates: %v", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(2 * time.Second):
		}
	}
}

func (s *server) approveOnce(ctx context.Context) error {
	requests, err := s.clients.CertificatesV1().CertificateSigningRequests().List(ctx, metav1.ListOptions{
		FieldSelector: "spec.signerName=" + certificatesv1.KubeletServingSignerName,
	})
	if err != nil {
		return err
	}
	for i := range requests.Items {
		request := &requests.Items[i]
		if len(request.Status.Conditions) > 0 {
			continue
		}
		name, found := nodeOf(request.Spec.Username)
		if !found {
			continue
		}
		asking, err := s.clients.CoreV1().Nodes().Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			continue // not registered yet
		}
		if err := judgeServing(request.Spec, asking.Status.Addresses); err != nil {
			logrus.Warnf("Not approving %s of node %s: %v", request.Name, name, err)
			continue
		}
		request.Status.Conditions = append(request.Status.Conditions, certificatesv1.CertificateSigningRequestCondition{
			Type: certificatesv1.CertificateApproved, Status: corev1.ConditionTrue,
			Reason: "NodeAddresses", Message: "the names are the node's own addresses",
		})
		_, err = s.clients.CertificatesV1().CertificateSigningRequests().UpdateApproval(ctx, request.Name, request, metav1.UpdateOptions{})
		if err != nil {
			return err
		}
	}
	return nil
}

func nodeOf(user string) (string, bool) {
	const prefix = "system:node:"
	if len(user) <= len(prefix) || user[:len(prefix)] != prefix {
		return "", false
	}
	return user[len(prefix):], true
}

// judgeServing gives the reason why a serving certificate must not be signed: the request is not the node's own, or
// names what is not an address of the node.
func judgeServing(spec certificatesv1.CertificateSigningRequestSpec, addresses []corev1.NodeAddress) error {
	block, _ := pem.Decode(spec.Request)
	if block == nil {
		return errors.New("the request is not PEM")
	}
	request, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		return err
	}
	if request.Subject.CommonName != spec.Username || !slices.Contains(spec.Groups, "system:nodes") {
		return fmt.Errorf("asked for %q by %q", request.Subject.CommonName, spec.Username)
	}
	own := []string{}
	for _, address := range addresses {
		own = append(own, address.Address)
	}
	names := slices.Clone(request.DNSNames)
	for _, address := range request.IPAddresses {
		names = append(names, address.String())
	}
	for _, name := range names {
		if !slices.Contains(own, name) {
			return fmt.Errorf("%s is not an address of the node", name)
		}
	}
	return nil
}

// labelNode marks this node as the control plane, which kubelet may not do itself.
func (s *server) labelNode(ctx context.Context) {
	patch := []byte(`{"metadata":{"labels":{"node-role.kubernetes.io/control-plane":"true"}}}`)
	for ctx.Err() == nil {
		_, err := s.clients.CoreV1().Nodes().Patch(ctx, s.node.Name, types.StrategicMergePatchType, patch, metav1.PatchOptions{})
		if err == nil {
			logrus.Infof("Labels and annotations have been set successfully on node: %s", s.node.Name)
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}
