// Package addons keeps the cluster equal to the manifests in a folder: applied, applied again on change, and deleted
// when their file is gone, as k3s does with its AddOns.
package addons

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/yaml"
)

// Object names one object in the cluster.
type Object struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Namespace  string `json:"namespace,omitempty"`
	Name       string `json:"name"`
}

// Parse reads the objects of a manifest: YAML documents, each an object or a List of them.
func Parse(text []byte) ([]*unstructured.Unstructured, error) {
	objects := []*unstructured.Unstructured{}
	decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(text), 4096)
	for {
		content := map[string]any{}
		err := decoder.Decode(&content)
		if errors.Is(err, io.EOF) {
			return objects, nil
		}
		if err != nil {
			return nil, err
		}
		if len(content) == 0 {
			continue
		}
		object := &unstructured.Unstructured{Object: content}
		if object.IsList() {
			err = object.EachListItem(func(item runtime.Object) error {
				objects = append(objects, item.(*unstructured.Unstructured))
				return nil
			})
			if err != nil {
				return nil, err
			}
			continue
		}
		if object.GetKind() == "" || object.GetAPIVersion() == "" || object.GetName() == "" {
			return nil, fmt.Errorf("document %d needs apiVersion, kind and metadata.name", len(objects)+1)
		}
		objects = append(objects, object)
	}
}

// Identify names the objects.
func Identify(objects []*unstructured.Unstructured) []Object {
	names := []Object{}
	for _, object := range objects {
		names = append(names, Object{object.GetAPIVersion(), object.GetKind(), object.GetNamespace(), object.GetName()})
	}
	return names
}

// Gone lists, the last first, what was there and is not any more. A change of an object's version alone is none.
func Gone(before, after []Object) []Object {
	key := func(object Object) string {
		group, _, has := strings.Cut(object.APIVersion, "/")
		if !has {
			group = ""
		}
		return strings.Join([]string{group, object.Kind, object.Namespace, object.Name}, "|")
	}
	kept := map[string]bool{}
	for _, object := range after {
		kept[key(object)] = true
	}
	gone := []Object{}
	for i := len(before) - 1; i >= 0; i-- {
		if !kept[key(before[i])] {
			gone = append(gone, before[i])
		}
	}
	return gone
}

// RecordName is the ConfigMap that remembers what a manifest put into the cluster; path is relative to the folder.
func RecordName(path string) string {
	clean := strings.Map(func(letter rune) rune {
		switch {
		case letter >= 'a' && letter <= 'z', letter >= '0' && letter <= '9', letter == '-', letter == '.':
			return letter
		case letter >= 'A' && letter <= 'Z':
			return letter + 'a' - 'A'
		}
		return '-'
	}, path)
	return "k3s-addon-" + strings.Trim(clean, "-.")
}

// Skipped tells whether a manifest of that path belongs to something switched off: k3s's rule is that the file's name
// without its extension, or the name of a folder on the way, is in the list.
func Skipped(path string, disabled []string) bool {
	parts := strings.Split(filepath.ToSlash(path), "/")
	last := len(parts) - 1
	parts[last] = strings.TrimSuffix(parts[last], filepath.Ext(parts[last]))
	for _, part := range parts {
		for _, name := range disabled {
			if part == name {
				return true
			}
		}
	}
	return false
}
