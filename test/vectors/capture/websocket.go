package main

import (
	"encoding/hex"
	"net"
	"net/http"
	"time"

	"github.com/gorilla/websocket"
)

// message is one thing that each side sends to the other; the payload is in hex.
type message struct {
	Kind    string `json:"kind"`
	Payload string `json:"payload"`
}

type webSocketRecord struct {
	Key      string    `json:"key"`
	Accept   string    `json:"accept"`
	Messages []message `json:"messages"`
	client   []byte
	server   []byte
}

// recordWebSocket has both sides send the same: a short, a medium and a fragmented binary message, a text, a ping, a pong
// and a close. The handshake's bytes are left out.
func recordWebSocket() webSocketRecord {
	record := webSocketRecord{}
	clientConn, serverConn := connect()
	serverSocket := make(chan *websocket.Conn, 1)
	go func() {
		upgrader := websocket.Upgrader{WriteBufferSize: 1024}
		check(http.Serve(&oneConn{conn: serverConn}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			record.Key = r.Header.Get("Sec-Websocket-Key")
			upgraded, err := upgrader.Upgrade(w, r, nil)
			check(err)
			serverSocket <- upgraded
			select {}
		})))
	}()
	dialer := websocket.Dialer{
		WriteBufferSize: 1024,
		NetDial:         func(string, string) (net.Conn, error) { return clientConn, nil },
	}
	client, response, err := dialer.Dial("ws://capture/", nil)
	check(err)
	server := <-serverSocket
	clientStart, serverStart := len(clientConn.written()), len(serverConn.written())
	record.Accept = response.Header.Get("Sec-Websocket-Accept")
	record.Messages = sendAll(client)
	sendAll(server)
	record.client = clientConn.written()[clientStart:]
	record.server = serverConn.written()[serverStart:]
	return record
}

func sendAll(socket *websocket.Conn) []message {
	sent := []message{}
	add := func(kind string, payload []byte) []byte {
		sent = append(sent, message{Kind: kind, Payload: hex.EncodeToString(payload)})
		return payload
	}
	check(socket.WriteMessage(websocket.BinaryMessage, add("binary", pattern(5))))
	check(socket.WriteMessage(websocket.BinaryMessage, add("binary", pattern(300))))
	check(socket.WriteControl(websocket.PingMessage, add("ping", []byte("are you there")), time.Time{}))
	writer, err := socket.NextWriter(websocket.BinaryMessage)
	check(err)
	// More than the write buffer holds goes out as fragments.
	payload := add("binary", pattern(2500))
	for at := 0; at < len(payload); at += 500 {
		_, err = writer.Write(payload[at : at+500])
		check(err)
	}
	check(writer.Close())
	check(socket.WriteMessage(websocket.TextMessage, add("text", []byte("grüße"))))
	check(socket.WriteControl(websocket.PongMessage, add("pong", nil), time.Time{}))
	closing := websocket.FormatCloseMessage(websocket.CloseNormalClosure, "bye")
	check(socket.WriteControl(websocket.CloseMessage, add("close", closing), time.Time{}))
	return sent
}

// oneConn is a listener that accepts one given connection and then waits for ever.
type oneConn struct{ conn net.Conn }

func (l *oneConn) Accept() (net.Conn, error) {
	if l.conn == nil {
		select {}
	}
	conn := l.conn
	l.conn = nil
	return conn, nil
}

func (l *oneConn) Close() error   { return nil }
func (l *oneConn) Addr() net.Addr { return &net.TCPAddr{} }
