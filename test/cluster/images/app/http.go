package main

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

var ready atomic.Bool

func handlers() http.Handler {
	ready.Store(os.Getenv("READY") != "false")
	mux := http.NewServeMux()
	mux.HandleFunc("/", hello)
	mux.HandleFunc("/bytes", sendBytes)
	mux.HandleFunc("/sink", sink)
	mux.HandleFunc("/sha256", digest)
	mux.HandleFunc("/slow", slow)
	mux.HandleFunc("/echo", echoBody)
	mux.HandleFunc("/headers", headers)
	mux.HandleFunc("/trailers", trailers)
	mux.HandleFunc("/status", withStatus)
	mux.HandleFunc("/sse", serverSentEvents)
	mux.HandleFunc("/ws", webSocket)
	mux.HandleFunc("/reset", resetInBody)
	mux.HandleFunc("/ready", readiness)
	mux.HandleFunc("/die", func(http.ResponseWriter, *http.Request) { os.Exit(1) })
	mux.HandleFunc("/crash", func(http.ResponseWriter, *http.Request) { os.Exit(1) })
	return mux
}

func hello(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Pod", host)
	fmt.Fprintf(w, "pod=%s host=%s proto=%s path=%s xff=%s xfp=%s xfh=%s\n", host, r.Host, r.Proto, r.URL.Path, r.Header.Get("X-Forwarded-For"), r.Header.Get("X-Forwarded-Proto"), r.Header.Get("X-Forwarded-Host"))
}

func number(r *http.Request, name string, otherwise int64) int64 {
	if n, err := strconv.ParseInt(r.URL.Query().Get(name), 10, 64); err == nil {
		return n
	}
	return otherwise
}

// content gives n bytes: zeros, or with a seed the same pseudo-random bytes each time.
func content(r *http.Request) io.Reader {
	n := number(r, "n", 0)
	if !r.URL.Query().Has("seed") {
		return io.LimitReader(zeros{}, n)
	}
	return io.LimitReader(seeded(uint64(number(r, "seed", 0))), n)
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

func seeded(seed uint64) io.Reader {
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], seed)
	return rand.NewChaCha8(key)
}

func sendBytes(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Pod", host)
	w.Header().Set("Content-Length", strconv.FormatInt(number(r, "n", 0), 10))
	io.CopyBuffer(struct{ io.Writer }{w}, content(r), make([]byte, 1<<16))
}

// sink counts the body; with ?wait=D it reads nothing of it for that long.
func sink(w http.ResponseWriter, r *http.Request) {
	wait, _ := time.ParseDuration(r.URL.Query().Get("wait"))
	time.Sleep(wait)
	n, _ := io.CopyBuffer(struct{ io.Writer }{io.Discard}, r.Body, make([]byte, 1<<16))
	fmt.Fprintln(w, n)
}

// digest answers with the SHA-256 and length of what was uploaded; for a GET, of what /bytes sends with the same query.
func digest(w http.ResponseWriter, r *http.Request) {
	from := io.Reader(r.Body)
	if r.Method == http.MethodGet {
		from = content(r)
	}
	sum := sha256.New()
	n, err := io.Copy(sum, from)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	fmt.Fprintf(w, "%s %d\n", hex.EncodeToString(sum.Sum(nil)), n)
}

func slow(w http.ResponseWriter, r *http.Request) {
	d, _ := time.ParseDuration(r.URL.Query().Get("d"))
	time.Sleep(d)
	w.Header().Set("X-Pod", host)
	fmt.Fprintln(w, "slept", d)
}

// echoBody sends the body back while it arrives; the request's trailers come back as trailers with an X-Echo- prefix.
func echoBody(w http.ResponseWriter, r *http.Request) {
	control := http.NewResponseController(w)
	control.EnableFullDuplex()
	w.Header().Set("Content-Type", r.Header.Get("Content-Type"))
	w.Header().Set("X-Transfer-Encoding", strings.Join(r.TransferEncoding, ","))
	w.Header().Set("X-Expect", r.Header.Get("Expect"))
	buffer := make([]byte, 1<<16)
	for {
		n, err := r.Body.Read(buffer)
		if n > 0 {
			if _, failed := w.Write(buffer[:n]); failed != nil {
				return
			}
			control.Flush()
		}
		if err != nil {
			break
		}
	}
	for name, values := range r.Trailer {
		for _, value := range values {
			w.Header().Add(http.TrailerPrefix+"X-Echo-"+name, value)
		}
	}
}

func headers(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Pod", host)
	json.NewEncoder(w).Encode(map[string]any{"method": r.Method, "host": r.Host, "proto": r.Proto, "uri": r.RequestURI, "headers": r.Header, "contentLength": r.ContentLength, "transferEncoding": r.TransferEncoding, "remote": r.RemoteAddr, "pod": host})
}

// trailers sends n bytes in chunks and their digest in a trailer that the head announces.
func trailers(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Trailer", "X-Sha256")
	sum := sha256.New()
	buffer := make([]byte, 1000)
	for from := content(r); ; {
		n, err := io.ReadFull(from, buffer)
		w.Write(buffer[:n])
		sum.Write(buffer[:n])
		http.NewResponseController(w).Flush()
		if err != nil {
			break
		}
	}
	w.Header().Set("X-Sha256", hex.EncodeToString(sum.Sum(nil)))
}

func withStatus(w http.ResponseWriter, r *http.Request) {
	code := int(number(r, "code", 200))
	w.Header().Set("X-Pod", host)
	w.WriteHeader(code)
	if code != http.StatusNoContent && code != http.StatusNotModified {
		fmt.Fprintln(w, "status", code)
	}
}

// serverSentEvents sends n events (0: until the client leaves), one per interval.
func serverSentEvents(w http.ResponseWriter, r *http.Request) {
	interval, _ := time.ParseDuration(r.URL.Query().Get("interval"))
	n := number(r, "n", 3)
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-cache")
	for i := int64(0); n == 0 || i < n; i++ {
		fmt.Fprintf(w, "id: %d\ndata: event %d of %s\n\n", i, i, host)
		http.NewResponseController(w).Flush()
		select {
		case <-r.Context().Done():
			return
		case <-time.After(interval):
		}
	}
}

// resetInBody promises 1 MB, sends n bytes and resets the TCP connection.
func resetInBody(w http.ResponseWriter, r *http.Request) {
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) // HTTP/2: RST_STREAM
	}
	n := number(r, "n", 1000)
	fmt.Fprintf(buffered, "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\nX-Pod: %s\r\n\r\n", host)
	io.CopyN(buffered, zeros{}, n)
	buffered.Flush()
	time.Sleep(50 * time.Millisecond) // lets what was sent leave before the reset overtakes it
	if tcp, ok := conn.(*net.TCPConn); ok {
		tcp.SetLinger(0)
	}
	conn.Close()
}

// readiness is the pod's readiness probe; ?set=true|false changes what it says.
func readiness(w http.ResponseWriter, r *http.Request) {
	if set, err := strconv.ParseBool(r.URL.Query().Get("set")); err == nil {
		ready.Store(set)
		fmt.Fprintln(w, "ready", set)
		return
	}
	if !ready.Load() {
		http.Error(w, "not ready", http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "ready")
}
