// Package loadbalancer gives services of type LoadBalancer the nodes' own addresses, as k3s's ServiceLB does: a
// DaemonSet for each, whose pods take the service's ports on every node and forward them.
package loadbalancer

import (
	"context"
	"fmt"
	"time"

	"github.com/sirupsen/logrus"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"sigs.k8s.io/yaml"
)

// Run serves until the context ends. What fails is said and tried again.
func Run(ctx context.Context, client kubernetes.Interface) {
	factory := informers.NewSharedInformerFactory(client, 0)
	own := informers.NewSharedInformerFactoryWithOptions(client, 0, informers.WithNamespace(metav1.NamespaceSystem),
		informers.WithTweakListOptions(func(options *metav1.ListOptions) { options.LabelSelector = serviceName }))
	services, pods, sets := factory.Core().V1().Services(), own.Core().V1().Pods(), own.Apps().V1().DaemonSets()
	changed := make(chan struct{}, 1)
	poke := func() {
		select {
		case changed <- struct{}{}:
		default: // a look is due already
		}
	}
	handler := cache.ResourceEventHandlerFuncs{
		AddFunc: func(any) { poke() }, UpdateFunc: func(any, any) { poke() }, DeleteFunc: func(any) { poke() },
	}
	for _, informer := range []cache.SharedIndexInformer{services.Informer(), pods.Informer(), sets.Informer()} {
		if _, err := informer.AddEventHandler(handler); err != nil {
			logrus.Errorf("Service load balancer: %v", err)
			return
		}
	}
	factory.Start(ctx.Done())
	own.Start(ctx.Done())
	factory.WaitForCacheSync(ctx.Done())
	own.WaitForCacheSync(ctx.Done())
	for {
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
		all, err := services.Lister().List(labels.Everything())
		if err == nil {
			var running []*corev1.Pod
			if running, err = pods.Lister().List(labels.Everything()); err == nil {
				err = sync(ctx, client, all, running)
			}
		}
		if err != nil && ctx.Err() == nil {
			logrus.Errorf("Service load balancer: %v", err)
			time.AfterFunc(5*time.Second, poke)
		}
	}
}

// sync makes the cluster's DaemonSets and the services' statuses what they have to be.
func sync(ctx context.Context, client kubernetes.Interface, services []*corev1.Service, pods []*corev1.Pod) error {
	keep := map[string]bool{}
	for _, service := range services {
		if !wanted(service) {
			continue
		}
		keep[setName(service)] = true
		if err := serve(ctx, client, service, pods); err != nil {
			return fmt.Errorf("%s/%s: %w", service.Namespace, service.Name, err)
		}
	}
	sets := client.AppsV1().DaemonSets(metav1.NamespaceSystem)
	found, err := sets.List(ctx, metav1.ListOptions{LabelSelector: serviceName})
	if err != nil {
		return err
	}
	for i := range found.Items {
		if name := found.Items[i].Name; !keep[name] {
			if err := sets.Delete(ctx, name, metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
				return err
			}
		}
	}
	return nil
}

func serve(ctx context.Context, client kubernetes.Interface, service *corev1.Service, pods []*corev1.Pod) error {
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "svclb", Namespace: metav1.NamespaceSystem}}
	_, err := client.CoreV1().ServiceAccounts(account.Namespace).Create(ctx, account, metav1.CreateOptions{})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return err
	}
	set := planSet(service)
	text, err := yaml.Marshal(set)
	if err != nil {
		return err
	}
	force := true
	_, err = client.AppsV1().DaemonSets(set.Namespace).Patch(ctx, set.Name, types.ApplyYAMLPatchType, text,
		metav1.PatchOptions{FieldManager: "k3s", Force: &force})
	if err != nil {
		return err
	}
	ingress := planIngress(service, pods)
	if equality.Semantic.DeepEqual(service.Status.LoadBalancer.Ingress, ingress) {
		return nil
	}
	updated := service.DeepCopy()
	updated.Status.LoadBalancer.Ingress = ingress
	_, err = client.CoreV1().Services(service.Namespace).UpdateStatus(ctx, updated, metav1.UpdateOptions{})
	return err
}
