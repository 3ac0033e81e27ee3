package loadbalancer

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func service() *corev1.Service {
	return &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: "web", Namespace: "default", UID: "0123456789abcdef"},
		Spec: corev1.ServiceSpec{
			Type: corev1.ServiceTypeLoadBalancer, ClusterIP: "10.43.1.2", ClusterIPs: []string{"10.43.1.2"},
			Ports: []corev1.ServicePort{{Port: 8080, Protocol: corev1.ProtocolTCP}},
		},
	}
}

func TestPlanSet(t *testing.T) {
	set := planSet(service())
	if set.Name != "svclb-web-01234567" {
		t.Errorf("it is called %s", set.Name)
	}
	container := set.Spec.Template.Spec.Containers[0]
	if container.Ports[0].HostPort != 8080 {
		t.Errorf("ports: %+v", container.Ports)
	}
	environment := map[string]string{}
	for _, variable := range container.Env {
		environment[variable.Name] = variable.Value
	}
	if environment["DEST_IPS"] != "10.43.1.2" || environment["SRC_RANGES"] != "0.0.0.0/0" {
		t.Errorf("environment: %v", environment)
	}
}

func TestWanted(t *testing.T) {
	class := "other"
	for name, change := range map[string]func(*corev1.Service){
		"another type":  func(s *corev1.Service) { s.Spec.Type = corev1.ServiceTypeNodePort },
		"another class": func(s *corev1.Service) { s.Spec.LoadBalancerClass = &class },
		"headless":      func(s *corev1.Service) { s.Spec.ClusterIP = corev1.ClusterIPNone },
	} {
		changed := service()
		change(changed)
		if wanted(changed) {
			t.Errorf("%s is served", name)
		}
	}
	if !wanted(service()) {
		t.Error("a plain load balancer is not served")
	}
}

func TestPlanIngress(t *testing.T) {
	pod := func(address string, status corev1.ConditionStatus, set string) *corev1.Pod {
		return &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": set}},
			Status: corev1.PodStatus{
				HostIP: address, Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: status}},
			},
		}
	}
	own := setName(service())
	ingress := planIngress(service(), []*corev1.Pod{
		pod("10.0.0.2", corev1.ConditionTrue, own), pod("10.0.0.1", corev1.ConditionTrue, own),
		pod("10.0.0.3", corev1.ConditionFalse, own), pod("10.0.0.4", corev1.ConditionTrue, "svclb-other-1"),
	})
	if len(ingress) != 2 || ingress[0].IP != "10.0.0.1" || ingress[1].IP != "10.0.0.2" {
		t.Errorf("ingress: %+v", ingress)
	}
}
