package addons

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/sirupsen/logrus"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
)

const (
	manager  = "deploy@k3s"
	label    = "k3s.meta-k3s/addon"
	interval = 3 * time.Second
)

// Deployer applies the manifests of one folder.
type Deployer struct {
	dir      string
	disabled []string
	clients  kubernetes.Interface
	objects  dynamic.Interface
	mapper   *restmapper.DeferredDiscoveryRESTMapper
	applied  map[string]string // path to checksum
	said     map[string]string // path to the last error
}

// NewDeployer makes a deployer for dir. Manifests that Skipped names are deleted from the cluster, not applied.
func NewDeployer(config *rest.Config, dir string, disabled []string) (*Deployer, error) {
	config = rest.CopyConfig(config)
	config.QPS, config.Burst = 50, 100
	clients, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	objects, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	return &Deployer{
		dir: dir, disabled: disabled, clients: clients, objects: objects,
		mapper:  restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(clients.Discovery())),
		applied: map[string]string{}, said: map[string]string{},
	}, nil
}

// Run keeps the cluster equal to the folder until the context ends.
func (d *Deployer) Run(ctx context.Context) {
	for {
		if err := d.sync(ctx); err != nil && ctx.Err() == nil {
			d.say("", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(interval):
		}
	}
}

// say logs an error once until it changes.
func (d *Deployer) say(path string, err error) {
	if err == nil {
		delete(d.said, path)
	} else if d.said[path] != err.Error() {
		d.said[path] = err.Error()
		logrus.Errorf("Failed to process config: failed to process %s: %v", filepath.Join(d.dir, path), err)
	}
}

func (d *Deployer) read() (map[string][]byte, error) {
	texts := map[string][]byte{}
	err := filepath.WalkDir(d.dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !slices.Contains([]string{".yaml", ".yml", ".json"}, filepath.Ext(path)) {
			return err
		}
		relative, err := filepath.Rel(d.dir, path)
		if err != nil || Skipped(relative, d.disabled) {
			return err
		}
		text, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil // removed meanwhile
		}
		texts[relative] = text
		return err
	})
	return texts, err
}

func (d *Deployer) sync(ctx context.Context) error {
	texts, err := d.read()
	if err != nil {
		return err
	}
	for _, path := range slices.Sorted(maps.Keys(texts)) {
		sum := sha256.Sum256(texts[path])
		checksum := hex.EncodeToString(sum[:])
		if d.applied[path] == checksum {
			continue
		}
		err := d.apply(ctx, path, texts[path])
		if err == nil {
			d.applied[path] = checksum
		}
		d.say(path, err)
	}
	records, err := d.clients.CoreV1().ConfigMaps(metav1.NamespaceSystem).List(ctx, metav1.ListOptions{LabelSelector: label})
	if err != nil {
		return err
	}
	for _, record := range records.Items {
		path := record.Data["path"]
		if _, there := texts[path]; there {
			continue
		}
		logrus.Infof("Deleting what %s put into the cluster: the manifest is gone or disabled", path)
		if err := d.remove(ctx, parseRecord(record.Data["objects"])); err != nil {
			d.say(path, err)
			continue
		}
		delete(d.applied, path)
		if err := d.clients.CoreV1().ConfigMaps(metav1.NamespaceSystem).Delete(ctx, record.Name, metav1.DeleteOptions{}); err != nil {
			return err
		}
	}
	return nil
}

func parseRecord(text string) []Object {
	objects := []Object{}
	_ = json.Unmarshal([]byte(text), &objects) // a damaged record names nothing
	return objects
}

func (d *Deployer) apply(ctx context.Context, path string, text []byte) error {
	objects, err := Parse(text)
	if err != nil {
		return err
	}
	before, err := d.readRecord(ctx, path)
	if err != nil {
		return err
	}
	after := Identify(objects)
	// The record first: what is applied is never forgotten.
	gone := Gone(before, after)
	if err := d.writeRecord(ctx, path, append(slices.Clone(gone), after...)); err != nil {
		return err
	}
	for i, object := range objects {
		resource, err := d.resource(after[i])
		if err != nil {
			return err
		}
		options := metav1.ApplyOptions{FieldManager: manager, Force: true}
		if _, err := resource.Apply(ctx, object.GetName(), object, options); err != nil {
			return err
		}
	}
	if err := d.remove(ctx, gone); err != nil {
		return err
	}
	logrus.Infof("Applied manifest %s: %d objects", filepath.Join(d.dir, path), len(objects))
	return d.writeRecord(ctx, path, after)
}

// resource is where the object lives. Objects without a namespace go to "default" where they need one.
func (d *Deployer) resource(object Object) (dynamic.ResourceInterface, error) {
	kind := schema.FromAPIVersionAndKind(object.APIVersion, object.Kind)
	mapping, err := d.mapper.RESTMapping(kind.GroupKind(), kind.Version)
	if meta.IsNoMatchError(err) {
		d.mapper.Reset()
		mapping, err = d.mapper.RESTMapping(kind.GroupKind(), kind.Version)
	}
	if err != nil {
		return nil, err
	}
	if mapping.Scope.Name() == meta.RESTScopeNameRoot {
		return d.objects.Resource(mapping.Resource), nil
	}
	namespace := object.Namespace
	if namespace == "" {
		namespace = metav1.NamespaceDefault
	}
	return d.objects.Resource(mapping.Resource).Namespace(namespace), nil
}

func (d *Deployer) remove(ctx context.Context, objects []Object) error {
	background := metav1.DeletePropagationBackground
	for _, object := range objects {
		resource, err := d.resource(object)
		if meta.IsNoMatchError(err) {
			continue // its kind is gone, and the object with it
		}
		if err != nil {
			return err
		}
		err = resource.Delete(ctx, object.Name, metav1.DeleteOptions{PropagationPolicy: &background})
		if err != nil && !apierrors.IsNotFound(err) {
			return err
		}
	}
	return nil
}

func (d *Deployer) readRecord(ctx context.Context, path string) ([]Object, error) {
	record, err := d.clients.CoreV1().ConfigMaps(metav1.NamespaceSystem).Get(ctx, RecordName(path), metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return parseRecord(record.Data["objects"]), nil
}

func (d *Deployer) writeRecord(ctx context.Context, path string, objects []Object) error {
	text, err := json.Marshal(objects)
	if err != nil {
		return err
	}
	record := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": corev1.SchemeGroupVersion.String(), "kind": "ConfigMap",
		"metadata": map[string]any{"labels": map[string]any{label: "true"}},
		"data":     map[string]any{"path": path, "objects": string(text)},
	}}
	record.SetName(RecordName(path))
	_, err = d.objects.Resource(corev1.SchemeGroupVersion.WithResource("configmaps")).Namespace(metav1.NamespaceSystem).
		Apply(ctx, record.GetName(), record, metav1.ApplyOptions{FieldManager: manager, Force: true})
	return err
}
