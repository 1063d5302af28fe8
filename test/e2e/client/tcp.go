package main

import (
	"bufio"
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"time"

	"golang.org/x/net/http2"
)

// twoAuthorities sends a request for each of two hosts on one HTTP/2 connection, at once.
func twoAuthorities(o options) (any, error) {
	conn, err := net.Dial("tcp", o.addr)
	if err != nil {
		return nil, err
	}
	client, err := (&http2.Transport{AllowHTTP: true}).NewClientConn(conn)
	if err != nil {
		return nil, err
	}
	type answer struct {
		Status int    `json:"status"`
		Body   string `json:"body"`
		Error  string `json:"error,omitempty"`
	}
	ask := func(host string) answer {
		request, _ := http.NewRequest("GET", "http://"+host+"/two", nil)
		response, err := client.RoundTrip(request)
		if err != nil {
			return answer{Error: err.Error()}
		}
		defer response.Body.Close()
		body, _ := io.ReadAll(response.Body)
		return answer{Status: response.StatusCode, Body: string(body)}
	}
	second := make(chan answer)
	result := []answer{ask(o.host), {}}
	go func() { second <- ask(o.other) }()
	again := ask(o.host)
	result[1] = <-second
	return append(result, again), nil
}

// resetAfter asks for /bytes, reads n bytes of the answer and resets the connection.
func resetAfter(o options) (any, error) {
	conn, err := net.Dial("tcp", o.addr)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(conn, "GET /bytes?n=100000000 HTTP/1.1\r\nHost: %s\r\n\r\n", o.host)
	read, err := io.CopyN(io.Discard, conn, o.n)
	conn.(*net.TCPConn).SetLinger(0)
	conn.Close()
	return map[string]int64{"read": read}, err
}

// dribble writes one byte per segment.
type dribble struct{ net.Conn }

func (d dribble) Write(b []byte) (int, error) {
	for i := range b {
		if _, err := d.Conn.Write(b[i : i+1]); err != nil {
			return i, err
		}
		if i < 600 { // long enough for the tunnel to see them one by one, for as long as that is interesting
			time.Sleep(200 * time.Microsecond)
		}
	}
	return len(b), nil
}

// handshake does a TLS handshake with an odd ClientHello, then one request, and tells whose certificate it saw.
func handshake(o options) (any, error) {
	raw, err := net.Dial("tcp", o.addr)
	if err != nil {
		return nil, err
	}
	raw.(*net.TCPConn).SetNoDelay(true)
	counter := &counting{Conn: raw}
	var conn net.Conn = counter
	if o.bytewise {
		conn = dribble{counter}
	}
	config := &tls.Config{InsecureSkipVerify: true, ServerName: o.host}
	for i := 0; len(config.NextProtos)*201 < o.pad; i++ {
		config.NextProtos = append(config.NextProtos, fmt.Sprintf("%0200d", i))
	}
	config.NextProtos = append(config.NextProtos, "http/1.1")
	t := tls.Client(conn, config)
	if err := t.Handshake(); err != nil {
		return nil, fmt.Errorf("handshake: %w", err)
	}
	hello := counter.first
	fmt.Fprintf(t, "GET /tls HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", o.host)
	response, err := http.ReadResponse(bufio.NewReader(t), nil)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(response.Body)
	return map[string]any{"cn": t.ConnectionState().PeerCertificates[0].Subject.CommonName, "status": response.StatusCode, "body": string(body), "helloBytes": hello}, err
}

// counting remembers how much was written before the first read: the length of the ClientHello.
type counting struct {
	net.Conn
	written, first int
}

func (c *counting) Write(b []byte) (int, error) { c.written += len(b); return c.Conn.Write(b) }
func (c *counting) Read(b []byte) (int, error) {
	if c.first == 0 {
		c.first = c.written
	}
	return c.Conn.Read(b)
}

// pull reads what the app's port 7003 pushes until it ends, and compares it with what that port is known to send.
func pull(o options) (any, error) {
	conn, err := net.Dial("tcp", o.addr)
	if err != nil {
		return nil, err
	}
	got, want := sha256.New(), sha256.New()
	n, err := io.Copy(got, conn)
	if err != nil {
		return nil, err
	}
	var key [32]byte
	key[0], key[1] = 7003&0xff, 7003>>8
	io.CopyN(want, rand.NewChaCha8(key), 8<<20)
	return map[string]any{"equal": string(got.Sum(nil)) == string(want.Sum(nil)), "bytes": n}, conn.Close()
}
