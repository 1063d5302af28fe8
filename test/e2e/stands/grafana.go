package main

import (
	"bufio"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
)

// grafana signs in by a form, refuses requests that change something when their Origin is of another name than the Host, and
// WebSockets when it is of another name or port.
func grafana() http.Handler {
	var sessions sync.Map
	mux := http.NewServeMux()
	signedIn := func(r *http.Request) bool {
		cookie, err := r.Cookie("grafana_session")
		if err != nil {
			return false
		}
		_, known := sessions.Load(cookie.Value)
		return known
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/api/health" {
			fmt.Fprintln(w, `{"database":"ok"}`)
			return
		}
		if r.URL.Path == "/favicon.ico" { // browsers ask by themselves, and are not sent to sign in
			http.NotFound(w, r)
			return
		}
		if !signedIn(r) {
			http.SetCookie(w, &http.Cookie{Name: "redirect_to", Value: url.QueryEscape(r.URL.RequestURI()), Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode})
			http.Redirect(w, r, "/login", http.StatusFound)
			return
		}
		fmt.Fprintf(w, "<!doctype html><title>Grafana</title><h1>Welcome to %s</h1>", r.Host)
	})
	mux.HandleFunc("GET /login", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		io.WriteString(w, `<!doctype html><title>Grafana</title><h1>Sign in</h1><script>
async function signIn() {
  const answer = await fetch("/login", { method: "POST", headers: { "Content-Type": "application/json" }, body: '{"user":"admin"}' });
  if (answer.ok) location = (await answer.json()).redirectUrl; else document.title = await answer.text();
}
</script><button onclick="signIn()">Log in</button>`)
	})
	mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
		session, to := secret(), "/"
		sessions.Store(session, true)
		if cookie, err := r.Cookie("redirect_to"); err == nil {
			to, _ = url.QueryUnescape(cookie.Value)
		}
		http.SetCookie(w, &http.Cookie{Name: "grafana_session", Value: session, Path: "/", MaxAge: 3600, HttpOnly: true, SameSite: http.SameSiteLaxMode})
		http.SetCookie(w, &http.Cookie{Name: "grafana_session_expiry", Value: "1", Path: "/", MaxAge: 3600, SameSite: http.SameSiteLaxMode})
		fmt.Fprintf(w, `{"message":"Logged in","redirectUrl":%q}`, to)
	})
	mux.HandleFunc("GET /api/live/ws", func(w http.ResponseWriter, r *http.Request) {
		from, err := url.Parse(r.Header.Get("Origin"))
		if err != nil || !strings.EqualFold(from.Host, r.Host) {
			http.Error(w, "request Origin is not authorized: "+r.Header.Get("Origin")+" at "+r.Host, http.StatusForbidden)
			return
		}
		if !signedIn(r) {
			http.Error(w, "Unauthorized", http.StatusUnauthorized)
			return
		}
		live(w, r)
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead && r.Header.Get("Origin") != "" {
			name, _, err := net.SplitHostPort(r.Host)
			if err != nil {
				name = r.Host
			}
			if from, err := url.Parse(r.Header.Get("Origin")); err != nil || from.Hostname() != name {
				http.Error(w, "origin not allowed", http.StatusForbidden)
				return
			}
		}
		mux.ServeHTTP(w, r)
	})
}

// live sends one message over a WebSocket (RFC 6455), and closes when the client does.
func live(w http.ResponseWriter, r *http.Request) {
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	defer conn.Close()
	accept := sha1.Sum([]byte(r.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	fmt.Fprintf(buffered, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n", base64.StdEncoding.EncodeToString(accept[:]))
	message := `{"connect":{"client":"live"}}`
	buffered.Write([]byte{0x81, byte(len(message))})
	buffered.WriteString(message)
	buffered.Flush()
	io.Copy(io.Discard, bufio.NewReader(conn))
}
