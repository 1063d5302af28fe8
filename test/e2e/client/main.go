// Command client is the part of the end-to-end tests that Bun has no API for: Go's own resolver, real gRPC calls by the thousand, HTTP/2 with two authorities on
// one connection, resets, and odd ClientHellos. It prints one line of JSON and exits 0 when all went well.
// Usage: client MODE ADDR [-host H] [-n N] …
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"
)

type options struct {
	addr, host, other string
	n                 int64
	pad               int
	bytewise, tls     bool
	verified          bool
	timeout           time.Duration
}

var modes = map[string]func(options) (any, error){
	"grpc":    onChannel(callAll),
	"many":    onChannel(callMany),
	"unary":   onChannel(unaryTimes),
	"flow":    onChannel(flow),
	"ends":    onChannel(ends),
	"h2":      twoAuthorities,
	"rst":     resetAfter,
	"hello":   handshake,
	"pull":    pull,
	"resolve": resolve,
	"get":     get,
}

func main() {
	if len(os.Args) < 3 || modes[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: client grpc|many|unary|flow|ends|h2|rst|hello|pull|resolve|get ADDR [FLAG...]")
		os.Exit(2)
	}
	o := options{addr: os.Args[2]}
	fs := flag.NewFlagSet(os.Args[1], flag.ExitOnError)
	fs.StringVar(&o.host, "host", o.addr, "authority, Host or SNI")
	fs.StringVar(&o.other, "other", "", "a second authority")
	fs.Int64Var(&o.n, "n", 1000, "bytes")
	fs.IntVar(&o.pad, "pad", 0, "bytes to pad the ClientHello with")
	fs.BoolVar(&o.bytewise, "bytewise", false, "one byte per write")
	fs.BoolVar(&o.tls, "tls", false, "TLS, any certificate")
	fs.BoolVar(&o.verified, "verified", false, "only a certificate that the system trusts")
	fs.DurationVar(&o.timeout, "timeout", 60*time.Second, "for everything")
	fs.Parse(os.Args[3:])
	time.AfterFunc(o.timeout, func() { fail(fmt.Errorf("no end after %v", o.timeout)) })
	result, err := modes[os.Args[1]](o)
	if err != nil {
		fail(err)
	}
	json.NewEncoder(os.Stdout).Encode(result)
}

func resolve(o options) (any, error) { return net.LookupHost(o.addr) }

func get(o options) (any, error) {
	response, err := http.Get("http://" + o.addr + "/")
	if err != nil {
		return nil, err
	}
	return response.StatusCode, response.Body.Close()
}

func fail(err error) {
	json.NewEncoder(os.Stdout).Encode(map[string]string{"error": err.Error()})
	os.Exit(1)
}
