package bootstrap

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// ErrOtherToken says that the datastore holds a cluster, but not one of this token; k3s's own words.
var ErrOtherToken = errors.New("bootstrap data already found and encrypted with different token")

// Entry is one key below Prefix. An empty value is a lock: a server is making the cluster's keys.
type Entry struct {
	Key      string
	Value    []byte
	Revision int64
}

// Step is what to do about what the datastore holds.
type Step int

const (
	// Lock: there is no cluster yet; take the lock and make one.
	Lock Step = iota
	// Load: the cluster is there.
	Load
	// Wait: another server is making it.
	Wait
	// Break: whoever was making it has not finished; take its lock away.
	Break
)

// maxLooks is how often another server's lock is looked at before it is taken for left behind.
const maxLooks = 5

// Plan tells what to do, and with which entry. looks counts how often a lock was seen, this time included; a datastore that is not
// shared has no other server, so a lock there is this one's own, from before it was ended.
func Plan(entries []Entry, key string, shared bool, looks int) (Step, Entry, error) {
	at := slices.IndexFunc(entries, func(entry Entry) bool { return entry.Key == key })
	switch {
	case len(entries) == 0:
		return Lock, Entry{}, nil
	case at < 0:
		return Lock, Entry{}, ErrOtherToken
	case len(entries[at].Value) > 0:
		return Load, entries[at], nil
	case shared && looks < maxLooks:
		return Wait, entries[at], nil
	default:
		return Break, entries[at], nil
	}
}

// File is one file of a cluster.
type File struct {
	Content  []byte    `json:"content"`
	Modified time.Time `json:"modified"`
}

// skew is what two clocks may differ by.
const skew = 3 * time.Second

// PlanFiles gives the names of the datastore's files that this machine lacks or has otherwise, those that others rely on first. A file
// that was changed here after the datastore's was saved is an error: whoever changed it has to say which one holds.
func PlanFiles(stored, here map[string]File) ([]string, error) {
	write, newer := []string{}, []string{}
	for _, name := range slices.SortedFunc(maps.Keys(stored), keysFirst) {
		own, exists := here[name]
		if exists && bytes.Equal(own.Content, stored[name].Content) {
			continue
		}
		if exists && own.Modified.Sub(stored[name].Modified) >= skew {
			newer = append(newer, name)
		}
		write = append(write, name)
	}
	if len(newer) > 0 {
		return nil, fmt.Errorf("%s newer than datastore and could cause a cluster outage. Remove the file(s) from disk and restart to be recreated from datastore", strings.Join(newer, ", "))
	}
	return write, nil
}

// keysFirst orders files so that a certificate comes after its key: after a power cut a certificate stands for both.
func keysFirst(a, b string) int {
	rank := func(name string) string {
		if strings.HasSuffix(name, ".key") {
			return "0" + name
		}
		return "1" + name
	}
	return strings.Compare(rank(a), rank(b))
}
