package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

func channel(o options) (*grpc.ClientConn, error) {
	transport := insecure.NewCredentials()
	if o.tls {
		transport = credentials.NewTLS(&tls.Config{InsecureSkipVerify: !o.verified, ServerName: o.host})
	}
	return grpc.NewClient("passthrough:///"+o.addr, grpc.WithTransportCredentials(transport), grpc.WithAuthority(o.host))
}

// onChannel runs a mode on a channel of its own, with the time that it has.
func onChannel(mode func(context.Context, *grpc.ClientConn, options) (any, error)) func(options) (any, error) {
	return func(o options) (any, error) {
		conn, err := channel(o)
		if err != nil {
			return nil, err
		}
		defer conn.Close()
		ctx, cancel := context.WithTimeout(context.Background(), o.timeout)
		defer cancel()
		return mode(ctx, conn, o)
	}
}

// each calls work for 0 to n-1, so many at once, and gives the first error.
func each(n, atOnce int, work func(i int) error) error {
	next, errs := make(chan int), make(chan error, n)
	var workers sync.WaitGroup
	for range atOnce {
		workers.Go(func() {
			for i := range next {
				if err := work(i); err != nil {
					errs <- fmt.Errorf("call %d: %w", i, err)
				}
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	workers.Wait()
	close(errs)
	return <-errs
}

// callMany makes n calls on one channel, 100 at once: in turn unary ones, streams of either side, and streams of both with an answer to each message.
func callMany(ctx context.Context, conn *grpc.ClientConn, o options) (any, error) {
	kinds := []func(*grpcResult) error{
		func(r *grpcResult) error { return r.unary(ctx, conn) },
		func(r *grpcResult) error { return r.serverStream(ctx, conn) },
		func(r *grpcResult) error { return r.clientStream(ctx, conn) },
		func(r *grpcResult) error { return r.bidi(ctx, conn) },
	}
	started := time.Now()
	err := each(int(o.n), 100, func(i int) error {
		r := &grpcResult{}
		if err := kinds[i%len(kinds)](r); err != nil {
			return err
		}
		got := fmt.Sprint(r.Unary, r.ServerStream, r.ClientStream, r.Bidi)
		wanted := []string{"hello[][]", "[0 abc 1 abc 2 abc][]", "[]one+two+three[]", "[][turn 0 turn 1 turn 2 turn 3 turn 4]"}[i%len(kinds)]
		if strings.ReplaceAll(got, " ", "") != strings.ReplaceAll(wanted, " ", "") {
			return fmt.Errorf("got %s", got)
		}
		return nil
	})
	return map[string]any{"calls": o.n, "seconds": time.Since(started).Seconds()}, err
}

// flow has 100 streams echo 1 MB each on one channel: every second one is not read before all others have ended, which it must not block.
func flow(ctx context.Context, conn *grpc.ClientConn, _ options) (any, error) {
	const streams, messages = 100, 32
	var going sync.WaitGroup
	going.Add(streams / 2)
	echo := func(i int) error {
		stream, err := open(ctx, conn, "Bidi")
		if err != nil {
			return err
		}
		text := strings.Repeat(string(rune('a'+i%26)), 32<<10)
		sent := make(chan error, 1)
		go func() {
			for range messages {
				if err := stream.SendMsg(wrapperspb.String(text)); err != nil {
					sent <- err
					return
				}
			}
			sent <- stream.CloseSend()
		}()
		if i%2 == 0 {
			defer going.Done()
		} else {
			going.Wait()
		}
		for received := 0; ; received++ {
			out := &wrapperspb.StringValue{}
			err := stream.RecvMsg(out)
			if err == io.EOF && received == messages {
				return <-sent
			}
			if err != nil || out.Value != text {
				return fmt.Errorf("message %d of %d bytes: %w", received, len(out.Value), err)
			}
		}
	}
	return map[string]int{"streams": streams, "bytes": streams * messages * 32 << 10}, each(streams, streams, echo)
}

// ends has 100 calls end by their deadline, and 100 by their client, and then makes one more.
func ends(_ context.Context, conn *grpc.ClientConn, _ options) (any, error) {
	codes := map[string]int{}
	var lock sync.Mutex
	// hang opens a call that has its first answer and waits for another.
	hang := func(ctx context.Context, then func()) error {
		stream, err := open(ctx, conn, "Bidi")
		if err != nil {
			return err
		}
		if err := stream.SendMsg(wrapperspb.String("one")); err != nil {
			return err
		}
		if err := stream.RecvMsg(&wrapperspb.StringValue{}); err != nil {
			return err
		}
		then()
		err = stream.RecvMsg(&wrapperspb.StringValue{})
		lock.Lock()
		defer lock.Unlock()
		codes[status.Code(err).String()]++
		return nil
	}
	err := each(200, 200, func(i int) error {
		if i%2 == 0 {
			ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
			defer cancel()
			return hang(ctx, func() {})
		}
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		return hang(ctx, cancel)
	})
	if err != nil {
		return nil, err
	}
	return codes, (&grpcResult{}).unary(context.Background(), conn)
}

// unaryTimes makes n unary calls one after the other, and gives what half of them took at most.
func unaryTimes(ctx context.Context, conn *grpc.ClientConn, o options) (any, error) {
	took := make([]float64, o.n)
	for i := range took {
		started := time.Now()
		if err := (&grpcResult{}).unary(ctx, conn); err != nil {
			return nil, err
		}
		took[i] = float64(time.Since(started)) / float64(time.Millisecond)
	}
	slices.Sort(took)
	return map[string]float64{"p50Ms": took[len(took)/2]}, nil
}
