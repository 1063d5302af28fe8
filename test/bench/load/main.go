// Command load measures a local tunnel endpoint that leads to the test app: throughput, latency of new connections,
// request rate, and whether a stalled connection harms its neighbours. It prints one line of JSON.
// Usage: load MODE ADDR [-host H] [-n N] [-c C].
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"sort"
	"time"
)

type options struct {
	addr, host string
	n          int64
	c          int
}

// result holds what a mode measured; what it did not measure is left out.
type result struct {
	OK          int     `json:"ok"`
	Failed      int     `json:"failed"`
	FirstError  string  `json:"firstError,omitempty"`
	Bytes       int64   `json:"bytes,omitempty"`
	Seconds     float64 `json:"seconds"`
	MBPerSecond float64 `json:"mbPerSecond,omitempty"`
	PerSecond   float64 `json:"perSecond,omitempty"`
	P50Ms       float64 `json:"p50Ms,omitempty"`
	P99Ms       float64 `json:"p99Ms,omitempty"`
	MaxMs       float64 `json:"maxMs,omitempty"`
	Blocked     bool    `json:"blocked,omitempty"`
}

var modes = map[string]func(options) result{
	"down":      down,
	"up":        up,
	"newconn":   func(o options) result { return connections(o, request) },
	"tcpconn":   func(o options) result { return connections(o, roundTrip) },
	"socksconn": func(o options) result { return connections(o, proxied) },
	"burst":     burst,
	"hosts":     hosts,
	"keepalive": keepalive,
	"h2":        h2,
	"stall":     stall,
	"first":     first,
	"hold":      hold,
	"datagrams": datagrams,
	"handshake": func(o options) result { return connections(o, handshake) },
	"tlsdown":   tlsDown,
	"target":    target,
}

func main() {
	if len(os.Args) < 3 || modes[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: load down|up|newconn|tcpconn|socksconn|burst|hosts|keepalive|h2|stall|first|hold|datagrams|handshake|tlsdown|target ADDR [-host H] [-n N] [-c C]")
		os.Exit(2)
	}
	o := options{addr: os.Args[2]}
	fs := flag.NewFlagSet(os.Args[1], flag.ExitOnError)
	fs.StringVar(&o.host, "host", o.addr, "Host header")
	fs.Int64Var(&o.n, "n", 200, "count or bytes")
	fs.IntVar(&o.c, "c", 1, "concurrency")
	fs.Parse(os.Args[3:])
	json.NewEncoder(os.Stdout).Encode(modes[os.Args[1]](o))
}

func (r *result) count(err error) {
	if err == nil {
		r.OK++
		return
	}
	r.Failed++
	if r.FirstError == "" {
		r.FirstError = err.Error()
	}
}

// latencies fills in the percentiles.
func (r *result) latencies(ds []time.Duration) {
	sort.Slice(ds, func(i, j int) bool { return ds[i] < ds[j] })
	at := func(p float64) float64 {
		if len(ds) == 0 {
			return 0
		}
		return float64(ds[min(len(ds)-1, int(float64(len(ds))*p))]) / float64(time.Millisecond)
	}
	r.P50Ms, r.P99Ms, r.MaxMs = at(.5), at(.99), at(1)
}
