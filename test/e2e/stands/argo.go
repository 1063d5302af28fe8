package main

import (
	"bufio"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
)

// argo answers pages, gRPC and gRPC-web on one port. Below a path every link and cookie has it.
func argo(root string, insecure bool) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc(root+"/", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.Header().Set("X-Frame-Options", "sameorigin")
		fmt.Fprintf(w, `<!doctype html><title>Argo CD</title><base href="%s/"><h1>%s</h1><script src="main.js"></script>`, root, r.URL.Path)
	})
	mux.HandleFunc(root+"/main.js", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/javascript")
		fmt.Fprintf(w, "document.title = 'loaded by ' + %q", r.Proto)
	})
	mux.HandleFunc("POST "+root+"/api/v1/session", func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "argocd.token", Value: secret(), Path: root + "/", HttpOnly: true, Secure: !insecure, SameSite: http.SameSiteLaxMode})
		io.WriteString(w, `{"token":"t"}`)
	})
	mux.HandleFunc("POST /version.VersionService/Version", call)
	if root != "" {
		mux.HandleFunc("POST "+root+"/version.VersionService/Version", call)
		mux.HandleFunc("/{$}", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, root+"/", http.StatusFound) })
	}
	return mux
}

// call answers one message with the same, by gRPC or gRPC-web.
func call(w http.ResponseWriter, r *http.Request) {
	kind := r.Header.Get("Content-Type")
	message, err := io.ReadAll(r.Body)
	if err != nil || len(message) < 5 || int(binary.BigEndian.Uint32(message[1:])) != len(message)-5 {
		http.Error(w, "not one message", http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", kind)
	if strings.HasPrefix(kind, "application/grpc-web") {
		w.Write(message)
		trailers := "grpc-status:0\r\ngrpc-message:\r\n"
		w.Write(binary.BigEndian.AppendUint32([]byte{0x80}, uint32(len(trailers))))
		io.WriteString(w, trailers)
		return
	}
	w.Header().Set("Trailer", "Grpc-Status")
	w.Write(message)
	w.Header().Set("Grpc-Status", "0")
}

// serveBoth speaks TLS on a port, and to who does not sends the address to go to instead.
func serveBoth(address string, handler http.Handler) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	secure, plain := &queue{Listener: listener, conns: make(chan net.Conn)}, &queue{Listener: listener, conns: make(chan net.Conn)}
	server := &http.Server{Handler: handler, TLSConfig: &tls.Config{Certificates: []tls.Certificate{certificate()}}}
	go server.ServeTLS(secure, "", "")
	go http.Serve(plain, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "https://"+r.Host+r.URL.RequestURI(), http.StatusTemporaryRedirect)
	}))
	for {
		conn, err := listener.Accept()
		if err != nil {
			return err
		}
		go func() {
			buffered := bufio.NewReader(conn)
			if begin, err := buffered.Peek(1); err == nil && begin[0] == 0x16 {
				secure.conns <- peeked{conn, buffered}
			} else {
				plain.conns <- peeked{conn, buffered}
			}
		}()
	}
}

// peeked is a connection of which something was read already.
type peeked struct {
	net.Conn
	from *bufio.Reader
}

func (p peeked) Read(b []byte) (int, error) { return p.from.Read(b) }

type queue struct {
	net.Listener
	conns chan net.Conn
}

func (q *queue) Accept() (net.Conn, error) { return <-q.conns, nil }
