package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const patience = 60 * time.Second

func get(o options, path string) (net.Conn, error) {
	c, err := net.DialTimeout("tcp", o.addr, 5*time.Second)
	if err != nil {
		return nil, err
	}
	c.SetDeadline(time.Now().Add(patience))
	_, err = fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", path, o.host)
	return c, err
}

// body reads one response; its length is what arrived, to its end and not to the connection's: some tunnels close late.
func body(r *bufio.Reader) (int64, error) {
	response, err := http.ReadResponse(r, nil)
	if err != nil {
		return 0, err
	}
	n, err := io.Copy(io.Discard, response.Body)
	if err == nil && response.StatusCode != 200 {
		err = fmt.Errorf("status %d", response.StatusCode)
	}
	return n, err
}

// request is one HTTP request on a connection of its own.
func request(o options) error {
	c, err := get(o, "/x")
	if err != nil {
		return err
	}
	defer c.Close()
	_, err = body(bufio.NewReader(c))
	return err
}

// roundTrip is one message to the echo service and back on a connection of its own.
func roundTrip(o options) error {
	c, err := net.DialTimeout("tcp", o.addr, 5*time.Second)
	if err != nil {
		return err
	}
	defer c.Close()
	return ping(c)
}

func ping(c net.Conn) error {
	c.SetDeadline(time.Now().Add(patience))
	if _, err := c.Write([]byte("ping\n")); err != nil {
		return err
	}
	_, err := io.ReadFull(c, make([]byte, 5))
	return err
}

// proxied is the same by SOCKS5, to the echo port of the host, which the proxy looks up.
func proxied(o options) error {
	c, err := net.DialTimeout("tcp", o.addr, 5*time.Second)
	if err != nil {
		return err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(patience))
	request := append([]byte{5, 1, 0, 3, byte(len(o.host))}, o.host...)
	for _, step := range []struct {
		send   []byte
		answer int
	}{{[]byte{5, 1, 0}, 2}, {append(request, 7000>>8, 7000&255), 10}} {
		if _, err := c.Write(step.send); err != nil {
			return err
		}
		answer := make([]byte, step.answer)
		if _, err := io.ReadFull(c, answer); err != nil {
			return err
		}
		if answer[1] != 0 {
			return fmt.Errorf("SOCKS5 reply %d", answer[1])
		}
	}
	return ping(c)
}

func down(o options) result {
	r := result{}
	started := time.Now()
	c, err := get(o, fmt.Sprintf("/bytes?n=%d", o.n))
	if err == nil {
		r.Bytes, err = body(bufio.NewReaderSize(c, 1<<16))
		c.Close()
		if err == nil && r.Bytes != o.n {
			err = fmt.Errorf("%d of %d bytes", r.Bytes, o.n)
		}
	}
	r.count(err)
	r.Seconds = time.Since(started).Seconds()
	r.MBPerSecond = float64(r.Bytes) / 1e6 / r.Seconds
	return r
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { return len(b), nil }

func up(o options) result {
	r := result{Bytes: o.n}
	started := time.Now()
	r.count(func() error {
		c, err := net.Dial("tcp", o.addr)
		if err != nil {
			return err
		}
		defer c.Close()
		c.SetDeadline(time.Now().Add(patience))
		fmt.Fprintf(c, "POST /sink HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n", o.host, o.n)
		go io.CopyBuffer(struct{ io.Writer }{c}, io.LimitReader(zeros{}, o.n), make([]byte, 1<<16))
		response, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			return err
		}
		text, err := io.ReadAll(response.Body)
		if err == nil && strings.TrimSpace(string(text)) != fmt.Sprint(o.n) {
			err = fmt.Errorf("the backend took %q", text)
		}
		return err
	}())
	r.Seconds = time.Since(started).Seconds()
	r.MBPerSecond = float64(o.n) / 1e6 / r.Seconds
	return r
}

// repeat calls one n times from c workers, each with a state of its own, and times each call.
func repeat(o options, worker func() func() error) result {
	r := result{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	var ds []time.Duration
	started := time.Now()
	for range o.c {
		wg.Go(func() {
			call := worker()
			for range int(o.n) / o.c {
				t := time.Now()
				err := call()
				d := time.Since(t)
				mu.Lock()
				r.count(err)
				if err == nil {
					ds = append(ds, d)
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	r.Seconds = time.Since(started).Seconds()
	r.PerSecond = float64(r.OK) / r.Seconds
	r.latencies(ds)
	return r
}

func connections(o options, one func(options) error) result {
	return repeat(o, func() func() error { return func() error { return one(o) } })
}

// keepalive makes all requests of a worker on one connection.
func keepalive(o options) result {
	return repeat(o, func() func() error {
		c, err := net.Dial("tcp", o.addr)
		if err != nil {
			return func() error { return err }
		}
		reader := bufio.NewReader(c)
		line := []byte(fmt.Sprintf("GET /x HTTP/1.1\r\nHost: %s\r\n\r\n", o.host))
		return func() error {
			c.SetDeadline(time.Now().Add(patience))
			if _, err := c.Write(line); err != nil {
				return err
			}
			_, err := body(reader)
			return err
		}
	})
}

// stall opens c downloads that nobody reads, then measures n small requests beside them.
func stall(o options) result {
	for range o.c {
		c, err := get(o, "/bytes?n=2000000000")
		if err != nil {
			return result{Failed: 1, FirstError: err.Error()}
		}
		defer c.Close()
	}
	time.Sleep(2 * time.Second) // until every buffer on the way is full
	done := make(chan result, 1)
	go func() { done <- connections(options{addr: o.addr, host: o.host, n: o.n, c: 4}, request) }()
	select {
	case r := <-done:
		return r
	case <-time.After(15 * time.Second):
		return result{Failed: int(o.n), FirstError: "no answer within 15 s", Blocked: true, Seconds: 15}
	}
}

// burst makes n connections at the same moment, each with one round trip, and measures until the last of them is answered.
func burst(o options) result {
	o.c = int(o.n)
	return connections(o, roundTrip)
}

// hosts makes one request to each of n hosts, whose numbers the pattern of the host has, c at a time.
func hosts(o options) result {
	var next atomic.Int64
	return repeat(o, func() func() error {
		return func() error {
			one := o
			one.host = fmt.Sprintf(o.host, next.Add(1)-1)
			return request(one)
		}
	})
}

// first retries one request until it succeeds: from the start of a tunnel's process to its first byte.
func first(o options) result {
	r := result{}
	started := time.Now()
	for {
		err := request(o)
		if err == nil || time.Since(started) > 30*time.Second {
			r.count(err)
			r.Seconds = time.Since(started).Seconds()
			return r
		}
		time.Sleep(time.Millisecond)
	}
}

// hold opens n connections to the echo service, exchanges a message on each, says so, and keeps them until SIGTERM.
func hold(o options) result {
	r := result{}
	started := time.Now()
	var held []net.Conn
	for range o.n {
		c, err := net.DialTimeout("tcp", o.addr, 5*time.Second)
		if err == nil {
			c.SetDeadline(time.Now().Add(patience))
			if _, err = c.Write([]byte("ping\n")); err == nil {
				_, err = io.ReadFull(c, make([]byte, 5))
			}
			held = append(held, c)
		}
		r.count(err)
	}
	r.Seconds = time.Since(started).Seconds()
	fmt.Println(`{"held":true}`)
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	<-stop
	for _, c := range held {
		c.Close()
	}
	return r
}
