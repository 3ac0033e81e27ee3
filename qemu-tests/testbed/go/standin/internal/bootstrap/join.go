package bootstrap

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/sirupsen/logrus"
	clientv3 "go.etcd.io/etcd/client/v3"
	"meta-k3s/standin/internal/files"
)

const (
	interval         = 5 * time.Second
	operationTimeout = 10 * time.Second
)

// Cluster is a cluster's data in the datastore, and their place on this machine.
type Cluster struct {
	Client *clientv3.Client
	// Probe tells why the datastore cannot be reached.
	Probe func(context.Context) error
	// Shared tells whether other servers may use the datastore too.
	Shared bool
	Secret string
	// Dir holds the files, Names are their names in it; those that are private end in .key.
	Dir   string
	Names []string

	lock int64 // revision of the lock that Load took
}

// Load brings the cluster's files here. found is false when the datastore has no cluster yet: the caller then makes the files, and calls
// Save. It waits for a datastore that is away and for another server that is making the cluster, and says so.
func (c *Cluster) Load(ctx context.Context) (found bool, err error) {
	looks := 0
	for {
		entries, err := c.list(ctx)
		if err == nil {
			looks++
			step, entry, refused := Plan(entries, Key(c.Secret), c.Shared, looks)
			if refused != nil {
				return false, refused
			}
			switch step {
			case Load:
				return true, c.write(entry.Value)
			case Lock:
				if err = c.put(ctx, nil); err == nil && c.lock != 0 {
					return false, nil
				}
			case Break:
				logrus.Info("Bootstrap key lock timed out - deleting lock and retrying")
				looks = 0
				if err = c.remove(ctx, entry); err == nil {
					continue
				}
			case Wait:
			}
		}
		switch {
		case ctx.Err() != nil:
			return false, ctx.Err()
		case err != nil:
			logrus.Errorf("Waiting for the datastore: %v", c.reason(ctx, err))
		default:
			logrus.Info("Bootstrap key is locked - waiting for data to be populated by another server")
		}
		select {
		case <-ctx.Done():
			return false, ctx.Err()
		case <-time.After(interval):
		}
	}
}

// reason is the datastore's own word where the client knows only that its time was over.
func (c *Cluster) reason(ctx context.Context, err error) error {
	if reason := c.Probe(ctx); reason != nil {
		return reason
	}
	return err
}

func (c *Cluster) write(sealed []byte) error {
	plain, err := Unseal(c.Secret, sealed)
	if err != nil {
		return fmt.Errorf("the cluster's keys in the datastore: %w", err)
	}
	stored := map[string]File{}
	if err := json.Unmarshal(plain, &stored); err != nil {
		return fmt.Errorf("the cluster's keys in the datastore: %w", err)
	}
	here, err := c.read()
	if err != nil {
		return err
	}
	names, err := PlanFiles(stored, here)
	if err != nil {
		return err
	}
	for _, name := range names {
		if !filepath.IsLocal(name) {
			return fmt.Errorf("the cluster's keys in the datastore: no file name: %q", name)
		}
		if _, exists := here[name]; exists {
			logrus.Warnf("%s will be updated from the datastore", name)
		}
		mode := fs.FileMode(0o644)
		if filepath.Ext(name) == ".key" {
			mode = 0o600
		}
		if err := files.Write(filepath.Join(c.Dir, name), stored[name].Content, mode); err != nil {
			return err
		}
	}
	if len(names) > 0 {
		logrus.Infof("The cluster's keys come from the datastore: %d files", len(names))
	}
	return nil
}

// read reads the files that are here.
func (c *Cluster) read() (map[string]File, error) {
	found := map[string]File{}
	for _, name := range c.Names {
		path := filepath.Join(c.Dir, name)
		content, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		info, err := os.Stat(path)
		if err != nil {
			return nil, err
		}
		found[name] = File{Content: content, Modified: info.ModTime()}
	}
	return found, nil
}

// Save puts the files into the datastore, in place of the lock that Load took.
func (c *Cluster) Save(ctx context.Context) error {
	found, err := c.read()
	if err != nil {
		return err
	}
	if len(found) != len(c.Names) {
		return fmt.Errorf("save the cluster's keys: %d of %d files are in %s", len(found), len(c.Names), c.Dir)
	}
	plain, err := json.Marshal(found)
	if err != nil {
		return err
	}
	sealed, err := Seal(c.Secret, plain)
	if err != nil {
		return err
	}
	logrus.Info("Saving cluster bootstrap data to datastore")
	if err := c.put(ctx, sealed); err != nil {
		return fmt.Errorf("save the cluster's keys: %w", c.reason(ctx, err))
	}
	if c.lock == 0 {
		return errors.New("save the cluster's keys: another server took this one for ended and made others")
	}
	return nil
}

func (c *Cluster) list(ctx context.Context) ([]Entry, error) {
	ctx, cancel := context.WithTimeout(ctx, operationTimeout)
	defer cancel()
	found, err := c.Client.Get(ctx, Prefix, clientv3.WithPrefix())
	if err != nil {
		return nil, err
	}
	entries := []Entry{}
	for _, pair := range found.Kvs {
		entries = append(entries, Entry{Key: string(pair.Key), Value: pair.Value, Revision: pair.ModRevision})
	}
	return entries, nil
}

// put writes the cluster's key where its revision is still that of this server's lock, or where there is none yet, and remembers the new
// revision; 0 when another server was quicker. The forms of the transactions are those that kine knows.
func (c *Cluster) put(ctx context.Context, value []byte) error {
	ctx, cancel := context.WithTimeout(ctx, operationTimeout)
	defer cancel()
	key := Key(c.Secret)
	transaction := c.Client.Txn(ctx).If(clientv3.Compare(clientv3.ModRevision(key), "=", c.lock)).Then(clientv3.OpPut(key, string(value)))
	if c.lock != 0 {
		transaction = transaction.Else(clientv3.OpGet(key))
	}
	result, err := transaction.Commit()
	if err != nil {
		return err
	}
	c.lock = 0
	if result.Succeeded {
		c.lock = result.Header.Revision
	}
	return nil
}

func (c *Cluster) remove(ctx context.Context, entry Entry) error {
	ctx, cancel := context.WithTimeout(ctx, operationTimeout)
	defer cancel()
	_, err := c.Client.Txn(ctx).If(clientv3.Compare(clientv3.ModRevision(entry.Key), "=", entry.Revision)).
		Then(clientv3.OpDelete(entry.Key)).Else(clientv3.OpGet(entry.Key)).Commit()
	return err
}
