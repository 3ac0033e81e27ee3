// Package collector makes Go's garbage collector rarer: under emulation each cycle costs a second of processor time, and a node
// that starts goes through dozens of them while most of the machine's memory is still free.
package collector

import (
	"fmt"
	"math"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
)

// percent is how much the heap may grow until the next cycle, in percent of what lives; Go's own default is 100.
const percent = 400

// Shares of the machine's memory at which a process collects as often as Go would by itself, and more: for this process, which
// holds the control plane, and for each of its children.
const (
	ownShare   = 4
	childShare = 16
)

// Relax sets up this process, and through the environment those that it starts. What the environment says already stays.
func Relax() error {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return nil
	}
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return err
	}
	total, err := parseTotal(string(text))
	if err != nil {
		return err
	}
	debug.SetGCPercent(percent)
	debug.SetMemoryLimit(total / ownShare)
	if err := os.Setenv("GOGC", strconv.Itoa(percent)); err != nil {
		return err
	}
	return os.Setenv("GOMEMLIMIT", strconv.FormatInt(total/childShare, 10))
}

// parseTotal finds the machine's memory in the text of /proc/meminfo (proc(5)), in bytes.
func parseTotal(meminfo string) (int64, error) {
	for line := range strings.Lines(meminfo) {
		fields := strings.Fields(line)
		if len(fields) == 3 && fields[0] == "MemTotal:" && fields[2] == "kB" {
			kib, err := strconv.ParseInt(fields[1], 10, 64)
			if err != nil || kib <= 0 || kib > math.MaxInt64/1024 {
				return 0, fmt.Errorf("MemTotal of /proc/meminfo is no amount: %q", line)
			}
			return kib * 1024, nil
		}
	}
	return 0, fmt.Errorf("no MemTotal in /proc/meminfo")
}
