package main

import (
	"bufio"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"
)

// What an edge sends before a stream and around a datagram (src/wire/uplink-frame.ts).
const (
	requestBytes = 16
	headBytes    = 19
	newsKind     = 2
)

// target stands for an uplink and its target at once, at o.addr, and for a plain target one port above, by TCP and UDP: so kt's edge and
// another proxy lead to the same program. o.host is the key that it serves. It goes on until it is killed.
func target(o options) result {
	host, text, err := net.SplitHostPort(o.addr)
	port, _ := strconv.Atoi(text)
	if err != nil {
		panic(err)
	}
	at := func(port int) string { return net.JoinHostPort(host, strconv.Itoa(port)) }
	go accept(at(port), func(c net.Conn, r *bufio.Reader) { uplinkStream(o.host, c, r) })
	go accept(at(port+1), serveTarget)
	go bounce(at(port))
	go bounce(at(port + 1))
	go http.ListenAndServe(at(40500), http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {}))
	select {}
}

func accept(addr string, serve func(net.Conn, *bufio.Reader)) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		panic(err)
	}
	for {
		c, err := l.Accept()
		if err != nil {
			panic(err)
		}
		go func() {
			defer c.Close()
			serve(c, bufio.NewReaderSize(c, 1<<16))
		}()
	}
}

func uplinkStream(key string, c net.Conn, r *bufio.Reader) {
	head := make([]byte, requestBytes)
	if _, err := io.ReadFull(r, head); err != nil {
		return
	}
	c.Write([]byte{0})
	if head[3] != newsKind {
		serveTarget(c, r)
		return
	}
	news, _ := json.Marshal(map[string]any{"serves": []string{key}, "isDraining": false})
	for line := news; ; line = nil {
		if _, err := c.Write(append(line, '\n')); err != nil {
			return
		}
		time.Sleep(2 * time.Second)
	}
}

// serveTarget answers GET /bytes?n= and POST /sink, and sends back all that begins otherwise.
func serveTarget(c net.Conn, r *bufio.Reader) {
	first, err := r.Peek(1)
	if err != nil {
		return
	}
	if first[0] != 'G' && first[0] != 'P' {
		io.Copy(c, r)
		return
	}
	request, err := http.ReadRequest(r)
	if err != nil {
		return
	}
	if request.Method == "POST" {
		n, _ := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{request.Body}, make([]byte, 1<<18))
		text := fmt.Sprint(n)
		fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", len(text), text)
		return
	}
	n, _ := strconv.ParseInt(request.URL.Query().Get("n"), 10, 64)
	fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n", n)
	io.CopyBuffer(struct{ io.Writer }{c}, io.LimitReader(zeros{}, n), make([]byte, 1<<18))
}

// bounce sends back each datagram: those of an edge with their heads, which are the same both ways.
func bounce(addr string) {
	c, err := net.ListenPacket("udp", addr)
	if err != nil {
		panic(err)
	}
	c.(*net.UDPConn).SetReadBuffer(4 << 20)
	buffer := make([]byte, 1<<16)
	for {
		n, from, err := c.ReadFrom(buffer)
		if err == nil {
			c.WriteTo(buffer[:n], from)
		}
	}
}

// datagrams makes round trips of 1,200 bytes, o.c flows at once, each from a port of its own.
func datagrams(o options) result {
	return repeat(o, func() func() error {
		c, err := net.Dial("udp", o.addr)
		if err != nil {
			return func() error { return err }
		}
		sent, back := make([]byte, 1200), make([]byte, 1500)
		return func() error {
			c.SetDeadline(time.Now().Add(2 * time.Second))
			if _, err := c.Write(sent); err != nil {
				return err
			}
			n, err := c.Read(back)
			if err == nil && n != len(sent) {
				err = fmt.Errorf("%d bytes came back", n)
			}
			return err
		}
	})
}

func tlsTo(o options) (*tls.Conn, error) {
	return tls.DialWithDialer(&net.Dialer{Timeout: 5 * time.Second}, "tcp", o.addr, &tls.Config{InsecureSkipVerify: true, ServerName: o.host})
}

// handshake is a connection with TLS that carries nothing.
func handshake(o options) error {
	c, err := tlsTo(o)
	if err == nil {
		c.Close()
	}
	return err
}

// tlsDown is down inside TLS.
func tlsDown(o options) result {
	r := result{}
	started := time.Now()
	c, err := tlsTo(o)
	if err == nil {
		c.SetDeadline(time.Now().Add(patience))
		fmt.Fprintf(c, "GET /bytes?n=%d HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", o.n, o.host)
		r.Bytes, err = body(bufio.NewReaderSize(c, 1<<16))
		c.Close()
	}
	r.count(err)
	r.Seconds = time.Since(started).Seconds()
	r.MBPerSecond = float64(r.Bytes) / 1e6 / r.Seconds
	return r
}
