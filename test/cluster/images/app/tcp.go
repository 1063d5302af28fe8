package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net"
)

// pushed is how many bytes port 7003 sends; they are those of /bytes with seed=7003.
const pushed = 8 << 20

func tcp(address string, serve func(*net.TCPConn)) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		panic(err)
	}
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			serve(c.(*net.TCPConn))
		}()
	}
}

func echo(c *net.TCPConn) { io.Copy(c, c) }

// sum reads until the client shuts its half, and only then answers: whoever loses a half-close gets nothing.
func sum(c *net.TCPConn) {
	digest := sha256.New()
	n, err := io.Copy(digest, c)
	if err == nil {
		fmt.Fprintf(c, "%s %d\n", hex.EncodeToString(digest.Sum(nil)), n)
	}
}

// push sends everything at once and ends first.
func push(c *net.TCPConn) {
	io.CopyN(c, seeded(7003), pushed)
	c.CloseWrite()
	io.Copy(io.Discard, c)
}

func reset(c *net.TCPConn) { c.SetLinger(0) }

// greet speaks first, as databases and mail servers do.
func greet(c *net.TCPConn) {
	fmt.Fprintf(c, "220 %s ready\r\n", host)
	io.Copy(c, c)
}

func udp(address string) {
	c, err := net.ListenPacket("udp", address)
	if err != nil {
		panic(err)
	}
	b := make([]byte, 65536)
	for {
		n, from, err := c.ReadFrom(b)
		if err == nil {
			c.WriteTo(b[:n], from)
		}
	}
}
