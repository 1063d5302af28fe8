package main

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"sync"
)

const streamsPerConnection = 10

// h2 makes requests over HTTP/2 in TLS: each connection of the C / 10 carries ten streams at once.
func h2(o options) result {
	var mutex sync.Mutex
	var client *http.Client
	users := 0
	return repeat(o, func() func() error {
		mutex.Lock()
		defer mutex.Unlock()
		if users%streamsPerConnection == 0 {
			client = h2Client(o)
		}
		users++
		own := client
		return func() error {
			answer, err := own.Get("https://" + o.host + "/x")
			if err != nil {
				return err
			}
			defer answer.Body.Close()
			_, err = io.Copy(io.Discard, answer.Body)
			return err
		}
	})
}

// h2Client has one connection, with whatever certificate.
func h2Client(o options) *http.Client {
	dial := func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, o.addr)
	}
	config := &tls.Config{InsecureSkipVerify: true, ServerName: o.host}
	return &http.Client{Timeout: patience, Transport: &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: config, DialContext: dial}}
}
