package main

import (
	"bufio"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
)

const (
	opClose = 8
	opPing  = 9
	opPong  = 10
)

// webSocket echoes every frame as it is (RFC 6455), answers pings, and closes when the client does.
func webSocket(w http.ResponseWriter, r *http.Request) {
	key := r.Header.Get("Sec-WebSocket-Key")
	if key == "" {
		http.Error(w, "a WebSocket upgrade is needed", http.StatusUpgradeRequired)
		return
	}
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	defer conn.Close()
	accept := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	fmt.Fprintf(buffered, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nX-Pod: %s\r\nSec-WebSocket-Accept: %s\r\n", host, base64.StdEncoding.EncodeToString(accept[:]))
	if protocol := r.Header.Get("Sec-WebSocket-Protocol"); protocol != "" {
		fmt.Fprintf(buffered, "Sec-WebSocket-Protocol: %s\r\n", protocol)
	}
	buffered.WriteString("\r\n")
	for buffered.Flush() == nil {
		first, payload, err := readFrame(buffered.Reader)
		if err != nil {
			return
		}
		if first&0xf == opPing {
			first = first&0xf0 | opPong
		} else if first&0xf == opPong {
			continue
		}
		writeFrame(buffered.Writer, first, payload)
		if first&0xf == opClose {
			buffered.Flush()
			return
		}
	}
}

func readFrame(from *bufio.Reader) (first byte, payload []byte, err error) {
	var head [2]byte
	if _, err = io.ReadFull(from, head[:]); err != nil {
		return
	}
	length := uint64(head[1] & 0x7f)
	switch length {
	case 126:
		var short uint16
		err = binary.Read(from, binary.BigEndian, &short)
		length = uint64(short)
	case 127:
		err = binary.Read(from, binary.BigEndian, &length)
	}
	var mask [4]byte
	if err == nil && head[1]&0x80 != 0 {
		_, err = io.ReadFull(from, mask[:])
	}
	if err != nil || length > 64<<20 {
		return 0, nil, io.ErrUnexpectedEOF
	}
	payload = make([]byte, length)
	_, err = io.ReadFull(from, payload)
	for i := range payload {
		payload[i] ^= mask[i&3]
	}
	return head[0], payload, err
}

func writeFrame(to *bufio.Writer, first byte, payload []byte) {
	to.WriteByte(first)
	switch n := len(payload); {
	case n < 126:
		to.WriteByte(byte(n))
	case n < 1<<16:
		to.WriteByte(126)
		binary.Write(to, binary.BigEndian, uint16(n))
	default:
		to.WriteByte(127)
		binary.Write(to, binary.BigEndian, uint64(n))
	}
	to.Write(payload)
}
