// Command capture records what spdystream and gorilla/websocket put on the wire, for the codec tests, and serves as their
// far end: "capture write DIR" writes the vectors, "capture echo" is a spdystream server on standard input and output.
package main

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"path/filepath"
	"sync"
)

func main() {
	log.SetFlags(0)
	switch {
	case len(os.Args) == 3 && os.Args[1] == "write":
		writeVectors(os.Args[2])
	case len(os.Args) == 2 && os.Args[1] == "echo":
		serveEcho(stdio{})
	default:
		log.Fatal("usage: capture write DIR | capture echo")
	}
}

func writeVectors(dir string) {
	spdyClient, spdyServer := recordSpdy()
	saveHex(dir, "spdy-client", spdyClient)
	saveJSON(dir, "spdy-client", readFrames(spdyClient))
	saveHex(dir, "spdy-server", spdyServer)
	saveJSON(dir, "spdy-server", readFrames(spdyServer))
	webSocket := recordWebSocket()
	saveHex(dir, "ws-client", webSocket.client)
	saveHex(dir, "ws-server", webSocket.server)
	saveJSON(dir, "ws", webSocket)
}

// saveHex writes bytes as lines of hex.
func saveHex(dir, name string, wire []byte) {
	text := ""
	for len(wire) > 0 {
		n := min(64, len(wire))
		text += hex.EncodeToString(wire[:n]) + "\n"
		wire = wire[n:]
	}
	check(os.WriteFile(filepath.Join(dir, name+".hex"), []byte(text), 0o644))
}

// saveJSON writes what the bytes mean.
func saveJSON(dir, name string, meaning any) {
	text, err := json.MarshalIndent(meaning, "", "  ")
	check(err)
	check(os.WriteFile(filepath.Join(dir, name+".json"), append(text, '\n'), 0o644))
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

// recorder keeps what was written to a connection.
type recorder struct {
	net.Conn
	mu    sync.Mutex
	bytes []byte
}

func (r *recorder) Write(p []byte) (int, error) {
	r.mu.Lock()
	r.bytes = append(r.bytes, p...)
	r.mu.Unlock()
	return r.Conn.Write(p)
}

func (r *recorder) written() []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]byte(nil), r.bytes...)
}

// connect joins two recorders over a loopback connection.
func connect() (client, server *recorder) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	defer listener.Close()
	dialled, err := net.Dial("tcp", listener.Addr().String())
	check(err)
	accepted, err := listener.Accept()
	check(err)
	return &recorder{Conn: dialled}, &recorder{Conn: accepted}
}

// stdio is standard input and output as a connection.
type stdio struct{ net.Conn }

func (stdio) Read(p []byte) (int, error)  { return os.Stdin.Read(p) }
func (stdio) Write(p []byte) (int, error) { return os.Stdout.Write(p) }
func (stdio) Close() error                { return os.Stdin.Close() }

// pattern is bytes that compress badly and show a shift.
func pattern(length int) []byte {
	bytes := make([]byte, length)
	for i := range bytes {
		bytes[i] = byte(i*31 ^ i>>8)
	}
	return bytes
}

func readAll(r io.Reader, length int) []byte {
	bytes := make([]byte, length)
	if _, err := io.ReadFull(r, bytes); err != nil {
		check(fmt.Errorf("read %d bytes: %w", length, err))
	}
	return bytes
}
