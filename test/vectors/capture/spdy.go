package main

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"

	"github.com/moby/spdystream"
	"github.com/moby/spdystream/spdy"
)

func portForwardHeaders(kind, request string) http.Header {
	return http.Header{"Streamtype": {kind}, "Port": {"8080"}, "Requestid": {request}}
}

// recordSpdy has a client open the two streams of a port-forward three times: one is echoed and ended, one is reset by the
// server with its reason on the error stream, one is cancelled by the client. Pings and GOAWAY go both ways.
func recordSpdy() (clientBytes, serverBytes []byte) {
	clientConn, serverConn := connect()
	server, err := spdystream.NewConnection(serverConn, true)
	check(err)
	streams := make(chan *spdystream.Stream, 2)
	go server.Serve(func(stream *spdystream.Stream) {
		check(stream.SendReply(http.Header{}, false))
		streams <- stream
	})
	client, err := spdystream.NewConnection(clientConn, false)
	check(err)
	go client.Serve(spdystream.NoOpStreamHandler)

	open := func(kind, request string) (near, far *spdystream.Stream) {
		near, err := client.CreateStream(portForwardHeaders(kind, request), nil, false)
		check(err)
		check(near.Wait())
		return near, <-streams
	}

	errorNear, errorFar := open("error", "0")
	check(errorNear.Close())
	dataNear, dataFar := open("data", "0")
	_, err = dataNear.Write(pattern(300))
	check(err)
	_, err = dataFar.Write(readAll(dataFar, 300))
	check(err)
	readAll(dataNear, 300)
	check(dataNear.Close())
	check(errorFar.Close())
	check(dataFar.Close())
	_, err = client.Ping()
	check(err)
	_, err = server.Ping()
	check(err)

	refusedError, refusedErrorFar := open("error", "1")
	check(refusedError.Close())
	_, refusedFar := open("data", "1")
	_, err = refusedErrorFar.Write([]byte("error forwarding port 8080 to pod x: connection refused"))
	check(err)
	check(refusedFar.Reset())
	check(refusedErrorFar.SendHeader(http.Header{"X-Extra": {"one", "two"}}, false))
	check(refusedErrorFar.Close())

	cancelled, cancelledFar := open("data", "2")
	check(cancelled.Reset())
	_, err = cancelledFar.ReadData()
	if !errors.Is(err, io.EOF) {
		check(fmt.Errorf("the reset did not arrive: %v", err))
	}
	_, err = client.Ping()
	check(err)
	check(client.Close())
	<-server.CloseChan()
	return clientConn.written(), serverConn.written()
}

// frame is what the test expects of one frame: the fields that its type has. Payloads are in hex.
type frame map[string]any

// readFrames has spdystream's own reader say what the bytes mean.
func readFrames(wire []byte) []frame {
	framer, err := spdy.NewFramer(io.Discard, bytes.NewReader(wire))
	check(err)
	frames := []frame{}
	for {
		read, err := framer.ReadFrame()
		if err == io.EOF {
			return frames
		}
		check(err)
		frames = append(frames, describe(read))
	}
}

func describe(read spdy.Frame) frame {
	switch f := read.(type) {
	case *spdy.SynStreamFrame:
		return withHeaders("syn-stream", f.StreamId, f.CFHeader, f.Headers)
	case *spdy.SynReplyFrame:
		return withHeaders("syn-reply", f.StreamId, f.CFHeader, f.Headers)
	case *spdy.HeadersFrame:
		return withHeaders("headers", f.StreamId, f.CFHeader, f.Headers)
	case *spdy.RstStreamFrame:
		return frame{"type": "rst-stream", "stream": f.StreamId, "status": f.Status}
	case *spdy.PingFrame:
		return frame{"type": "ping", "id": f.Id}
	case *spdy.GoAwayFrame:
		return frame{"type": "go-away", "stream": f.LastGoodStreamId, "status": f.Status}
	case *spdy.DataFrame:
		fin := f.Flags&spdy.DataFlagFin != 0
		return frame{"type": "data", "stream": f.StreamId, "fin": fin, "data": hex.EncodeToString(f.Data)}
	}
	check(fmt.Errorf("unexpected frame %T", read))
	return nil
}

func withHeaders(kind string, stream spdy.StreamId, header spdy.ControlFrameHeader, headers http.Header) frame {
	fin := header.Flags&spdy.ControlFlagFin != 0
	return frame{"type": kind, "stream": stream, "fin": fin, "headers": flat(headers)}
}

func flat(headers http.Header) map[string]string {
	names := map[string]string{}
	for name, values := range headers {
		names[strings.ToLower(name)] = strings.Join(values, "\x00")
	}
	return names
}

// serveEcho answers every stream with its "port" header and then what it receives, until that ends; a stream whose port is
// "reset" is reset instead, and one whose port is "unread" is never read.
func serveEcho(conn net.Conn) {
	server, err := spdystream.NewConnection(conn, true)
	check(err)
	server.Serve(func(stream *spdystream.Stream) {
		check(stream.SendReply(http.Header{}, false))
		go echo(stream)
	})
}

func echo(stream *spdystream.Stream) {
	port := stream.Headers().Get("Port")
	if port == "reset" {
		_ = stream.Reset()
		return
	}
	if port == "unread" {
		return
	}
	_, _ = io.WriteString(stream, port)
	_, _ = io.Copy(stream, stream)
	_ = stream.Close()
}
