package loadbalancer

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Image is what forwards; it comes from an archive, and nothing pulls it.
const Image = "docker.io/rancher/klipper-lb:v0.4.17"

// k3s's own labels, by which its users find these pods.
const (
	serviceName      = "svccontroller.k3s.cattle.io/svcname"
	serviceNamespace = "svccontroller.k3s.cattle.io/svcnamespace"
)

// wanted tells whether the service asks for a load balancer of this kind: k3s serves those without a class.
func wanted(service *corev1.Service) bool {
	return service.Spec.Type == corev1.ServiceTypeLoadBalancer && service.Spec.LoadBalancerClass == nil &&
		service.DeletionTimestamp == nil && service.Spec.ClusterIP != "" && service.Spec.ClusterIP != corev1.ClusterIPNone
}

// setName is the DaemonSet's name for a service, as k3s makes it: svclb-NAME-UID8.
func setName(service *corev1.Service) string {
	return "svclb-" + service.Name + "-" + string(service.UID)[:min(8, len(service.UID))]
}

// planSet is the DaemonSet that serves the service on every node, one container a port.
func planSet(service *corev1.Service) *appsv1.DaemonSet {
	name := setName(service)
	labels := map[string]string{"app": name, serviceName: service.Name, serviceNamespace: service.Namespace}
	ranges := service.Spec.LoadBalancerSourceRanges
	if len(ranges) == 0 {
		ranges = []string{"0.0.0.0/0"}
	}
	automount := false
	pod := corev1.PodSpec{
		ServiceAccountName: "svclb", AutomountServiceAccountToken: &automount, PriorityClassName: "system-node-critical",
		Tolerations: []corev1.Toleration{
			{Key: "node-role.kubernetes.io/control-plane", Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoSchedule},
			{Key: "CriticalAddonsOnly", Operator: corev1.TolerationOpExists},
		},
	}
	for _, port := range service.Spec.Ports {
		number := strconv.Itoa(int(port.Port))
		portName := fmt.Sprintf("lb-%s-%s", strings.ToLower(string(port.Protocol)), number)
		pod.Containers = append(pod.Containers, corev1.Container{
			Name: portName, Image: Image, ImagePullPolicy: corev1.PullIfNotPresent,
			Ports: []corev1.ContainerPort{{Name: portName, ContainerPort: port.Port, HostPort: port.Port, Protocol: port.Protocol}},
			Env: []corev1.EnvVar{
				{Name: "SRC_PORT", Value: number},
				{Name: "SRC_RANGES", Value: strings.Join(ranges, ",")},
				{Name: "DEST_PROTO", Value: string(port.Protocol)},
				{Name: "DEST_PORT", Value: number},
				{Name: "DEST_IPS", Value: strings.Join(service.Spec.ClusterIPs, ",")},
			},
			SecurityContext: &corev1.SecurityContext{Capabilities: &corev1.Capabilities{Add: []corev1.Capability{"NET_ADMIN"}}},
		})
	}
	return &appsv1.DaemonSet{
		TypeMeta:   metav1.TypeMeta{APIVersion: "apps/v1", Kind: "DaemonSet"},
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: metav1.NamespaceSystem, Labels: labels},
		Spec: appsv1.DaemonSetSpec{
			Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": name}},
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: pod},
		},
	}
}

// planIngress is what the service's status has to say: the addresses of the nodes on which a pod of it is ready, sorted.
func planIngress(service *corev1.Service, pods []*corev1.Pod) []corev1.LoadBalancerIngress {
	addresses := []string{}
	for _, pod := range pods {
		if pod.Labels["app"] == setName(service) && ready(pod) && pod.Status.HostIP != "" {
			addresses = append(addresses, pod.Status.HostIP)
		}
	}
	slices.Sort(addresses)
	mode := corev1.LoadBalancerIPModeVIP
	ingress := []corev1.LoadBalancerIngress{}
	for _, address := range slices.Compact(addresses) {
		ingress = append(ingress, corev1.LoadBalancerIngress{IP: address, IPMode: &mode})
	}
	return ingress
}

func ready(pod *corev1.Pod) bool {
	return slices.ContainsFunc(pod.Status.Conditions, func(condition corev1.PodCondition) bool {
		return condition.Type == corev1.PodReady && condition.Status == corev1.ConditionTrue
	})
}
