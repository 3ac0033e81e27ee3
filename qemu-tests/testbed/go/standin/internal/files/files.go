// Package files writes files whole or not at all.
package files

import (
	"io/fs"
	"os"
	"path/filepath"
)

// Write puts content beside path and renames it into place; the folder is made, for root alone, where it is missing.
func Write(path string, content []byte, mode fs.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	beside, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(beside.Name()) //nolint:errcheck // gone already when all went well
	if err := beside.Chmod(mode); err != nil {
		return err
	}
	if _, err := beside.Write(content); err != nil {
		return err
	}
	if err := beside.Sync(); err != nil {
		return err
	}
	if err := beside.Close(); err != nil {
		return err
	}
	return os.Rename(beside.Name(), path)
}
