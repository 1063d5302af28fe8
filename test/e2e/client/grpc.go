package main

import (
	"context"
	"fmt"
	"io"

	"google.golang.org/grpc"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	reflectionpb "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

const service = "/kt.test.Echo/"

type grpcResult struct {
	Pod          string   `json:"pod"`
	Authority    string   `json:"authority"`
	Trailer      string   `json:"trailer"`
	Unary        string   `json:"unary"`
	ServerStream []string `json:"serverStream"`
	ClientStream string   `json:"clientStream"`
	Bidi         []string `json:"bidi"`
	Code         string   `json:"code"`
	Message      string   `json:"message"`
	Details      int      `json:"details"`
	FailTrailer  string   `json:"failTrailer"`
	Health       string   `json:"health"`
	Services     []string `json:"services"`
}

// callAll makes one call of each kind on one channel. With -host of an unknown name the unary call's status is the result.
func callAll(ctx context.Context, conn *grpc.ClientConn, _ options) (any, error) {
	r := &grpcResult{}
	if refused := r.unary(ctx, conn); refused != nil {
		s := status.Convert(refused)
		return &grpcResult{Code: s.Code().String(), Message: s.Message()}, nil
	}
	for _, call := range []func(context.Context, *grpc.ClientConn) error{r.serverStream, r.clientStream, r.bidi, r.fail, r.health, r.reflect} {
		if err := call(ctx, conn); err != nil {
			return nil, err
		}
	}
	return r, nil
}

func first(md metadata.MD, name string) string {
	if values := md.Get(name); len(values) > 0 {
		return values[0]
	}
	return ""
}

func (r *grpcResult) unary(ctx context.Context, conn *grpc.ClientConn) error {
	out := &wrapperspb.StringValue{}
	var header, trailer metadata.MD
	if err := conn.Invoke(ctx, service+"Unary", wrapperspb.String("hello"), out, grpc.Header(&header), grpc.Trailer(&trailer)); err != nil {
		return err
	}
	r.Unary, r.Pod, r.Authority, r.Trailer = out.Value, first(header, "x-pod"), first(header, "x-authority"), first(trailer, "x-trailer")
	return nil
}

func open(ctx context.Context, conn *grpc.ClientConn, method string) (grpc.ClientStream, error) {
	return conn.NewStream(ctx, &grpc.StreamDesc{StreamName: method, ServerStreams: true, ClientStreams: true}, service+method)
}

func (r *grpcResult) serverStream(ctx context.Context, conn *grpc.ClientConn) error {
	stream, err := open(ctx, conn, "ServerStream")
	if err != nil {
		return err
	}
	if err := stream.SendMsg(wrapperspb.String("abc")); err != nil {
		return err
	}
	stream.CloseSend()
	for {
		out := &wrapperspb.StringValue{}
		err := stream.RecvMsg(out)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("server stream: %w", err)
		}
		r.ServerStream = append(r.ServerStream, out.Value)
	}
}

func (r *grpcResult) clientStream(ctx context.Context, conn *grpc.ClientConn) error {
	stream, err := open(ctx, conn, "ClientStream")
	if err != nil {
		return err
	}
	for _, word := range []string{"one", "two", "three"} {
		if err := stream.SendMsg(wrapperspb.String(word)); err != nil {
			return err
		}
	}
	stream.CloseSend()
	out := &wrapperspb.StringValue{}
	if err := stream.RecvMsg(out); err != nil {
		return fmt.Errorf("client stream: %w", err)
	}
	r.ClientStream = out.Value
	return nil
}

// bidi waits for each answer before it sends the next message, so a tunnel that buffers would hang.
func (r *grpcResult) bidi(ctx context.Context, conn *grpc.ClientConn) error {
	stream, err := open(ctx, conn, "Bidi")
	if err != nil {
		return err
	}
	for i := range 5 {
		if err := stream.SendMsg(wrapperspb.String(fmt.Sprint("turn ", i))); err != nil {
			return err
		}
		out := &wrapperspb.StringValue{}
		if err := stream.RecvMsg(out); err != nil {
			return fmt.Errorf("bidi: %w", err)
		}
		r.Bidi = append(r.Bidi, out.Value)
	}
	stream.CloseSend()
	if err := stream.RecvMsg(&wrapperspb.StringValue{}); err != io.EOF {
		return fmt.Errorf("bidi: no end but %v", err)
	}
	return nil
}

func (r *grpcResult) fail(ctx context.Context, conn *grpc.ClientConn) error {
	var trailer metadata.MD
	err := conn.Invoke(ctx, service+"Fail", wrapperspb.String("why"), &wrapperspb.StringValue{}, grpc.Trailer(&trailer))
	s := status.Convert(err)
	r.Code, r.Message, r.Details, r.FailTrailer = s.Code().String(), s.Message(), len(s.Details()), first(trailer, "x-trailer")
	return nil
}

func (r *grpcResult) health(ctx context.Context, conn *grpc.ClientConn) error {
	answer, err := healthpb.NewHealthClient(conn).Check(ctx, &healthpb.HealthCheckRequest{Service: "kt.test.Echo"})
	if err == nil {
		r.Health = answer.Status.String()
	}
	return err
}

func (r *grpcResult) reflect(ctx context.Context, conn *grpc.ClientConn) error {
	stream, err := reflectionpb.NewServerReflectionClient(conn).ServerReflectionInfo(ctx)
	if err != nil {
		return err
	}
	if err := stream.Send(&reflectionpb.ServerReflectionRequest{MessageRequest: &reflectionpb.ServerReflectionRequest_ListServices{}}); err != nil {
		return err
	}
	answer, err := stream.Recv()
	if err != nil {
		return fmt.Errorf("reflection: %w", err)
	}
	for _, s := range answer.GetListServicesResponse().GetService() {
		r.Services = append(r.Services, s.Name)
	}
	return stream.CloseSend()
}
