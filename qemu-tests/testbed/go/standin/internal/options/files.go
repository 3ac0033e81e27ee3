package options

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"go.yaml.in/yaml/v3"
)

// readFiles reads config.yaml and then config.yaml.d/*.yaml in the order of their names. A missing file is no error.
func readFiles(path string) ([]Setting, error) {
	paths := []string{path}
	for _, pattern := range []string{"*.yaml", "*.yml"} {
		more, err := filepath.Glob(filepath.Join(path+".d", pattern))
		if err != nil {
			return nil, err
		}
		paths = append(paths, more...)
	}
	sort.Strings(paths[1:])
	texts := [][]byte{}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if err := yaml.Unmarshal(text, new(map[string]any)); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		texts = append(texts, text)
	}
	return mergeFiles(texts)
}

// mergeFiles merges the texts of configuration files: a later key replaces an earlier one, and a key that ends in "+"
// adds to it. Keys keep the order in which they first came.
func mergeFiles(texts [][]byte) ([]Setting, error) {
	names := []string{}
	values := map[string][]string{}
	for _, text := range texts {
		document := yaml.Node{}
		if err := yaml.Unmarshal(text, &document); err != nil {
			return nil, err
		}
		if len(document.Content) == 0 {
			continue
		}
		mapping := document.Content[0]
		if mapping.Kind != yaml.MappingNode {
			return nil, errors.New("a configuration file must be a mapping of option to value")
		}
		for i := 0; i+1 < len(mapping.Content); i += 2 {
			name, adds := strings.CutSuffix(mapping.Content[i].Value, "+")
			found, err := valuesOf(mapping.Content[i+1])
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			if _, known := values[name]; !known {
				names = append(names, name)
			}
			if adds {
				found = append(values[name], found...)
			}
			values[name] = found
		}
	}
	settings := []Setting{}
	for _, name := range names {
		for _, value := range values[name] {
			settings = append(settings, Setting{name, value})
		}
	}
	return settings, nil
}

func valuesOf(node *yaml.Node) ([]string, error) {
	switch node.Kind {
	case yaml.ScalarNode:
		return []string{node.Value}, nil
	case yaml.SequenceNode:
		values := []string{}
		for _, item := range node.Content {
			if item.Kind != yaml.ScalarNode {
				return nil, errors.New("a list may hold plain values only")
			}
			values = append(values, item.Value)
		}
		return values, nil
	}
	return nil, errors.New("the value must be plain or a list")
}
