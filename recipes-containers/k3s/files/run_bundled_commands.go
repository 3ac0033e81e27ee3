package main

import (
	"os"
	"path/filepath"
)

// k3s's own front end, which no image of this layer needs, runs its bundled commands by their own names; without it `k3s kubectl get nodes`
// would reach kubectl with "kubectl" as the first argument. The program looks for its name in os.Args[0] when main begins.
func init() {
	bundled := map[string]bool{"crictl": true, "ctr": true, "kubectl": true}
	if len(os.Args) > 1 && bundled[os.Args[1]] && !bundled[filepath.Base(os.Args[0])] {
		os.Args = os.Args[1:]
	}
}
