package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/reflection"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

const service = "kt.test.Echo"

// grpcServer offers kt.test.Echo, whose messages are google.protobuf.StringValue, plus health and reflection.
func grpcServer() *grpc.Server {
	describe()
	s := grpc.NewServer()
	s.RegisterService(&grpc.ServiceDesc{
		ServiceName: service,
		HandlerType: (*any)(nil),
		Methods: []grpc.MethodDesc{
			{MethodName: "Unary", Handler: unary},
			{MethodName: "Fail", Handler: fail},
		},
		Streams: []grpc.StreamDesc{
			{StreamName: "ServerStream", Handler: serverStream, ServerStreams: true},
			{StreamName: "ClientStream", Handler: clientStream, ClientStreams: true},
			{StreamName: "Bidi", Handler: bidi, ServerStreams: true, ClientStreams: true},
		},
		Metadata: "kt/test/echo.proto",
	}, nil)
	checks := health.NewServer()
	checks.SetServingStatus(service, healthpb.HealthCheckResponse_SERVING)
	healthpb.RegisterHealthServer(s, checks)
	reflection.Register(s)
	return s
}

func serveGrpc(address string, s *grpc.Server) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		panic(err)
	}
	fmt.Println(s.Serve(l))
}

// withGrpc also answers gRPC on the HTTP ports: h2c on 8080, and h2 by ALPN on 8443.
func withGrpc(rpc *grpc.Server, other http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor == 2 && strings.HasPrefix(r.Header.Get("Content-Type"), "application/grpc") {
			rpc.ServeHTTP(w, r)
			return
		}
		other.ServeHTTP(w, r)
	})
}

// mark tells the client which pod answered and for which authority, in a header and in a trailer.
func mark(ctx context.Context) {
	in, _ := metadata.FromIncomingContext(ctx)
	grpc.SetHeader(ctx, metadata.Pairs("x-pod", host, "x-authority", strings.Join(in.Get(":authority"), ",")))
	grpc.SetTrailer(ctx, metadata.Pairs("x-trailer", host))
}

func unary(_ any, ctx context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
	in := &wrapperspb.StringValue{}
	if err := decode(in); err != nil {
		return nil, err
	}
	mark(ctx)
	return in, nil
}

// fail answers with a status, its details and a trailer, and no message.
func fail(_ any, ctx context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
	in := &wrapperspb.StringValue{}
	if err := decode(in); err != nil {
		return nil, err
	}
	mark(ctx)
	failure, err := status.New(codes.FailedPrecondition, "failed as asked: "+in.Value).WithDetails(in)
	if err != nil {
		return nil, err
	}
	return nil, failure.Err()
}

// serverStream sends the message back as often as it has characters.
func serverStream(_ any, stream grpc.ServerStream) error {
	in := &wrapperspb.StringValue{}
	if err := stream.RecvMsg(in); err != nil {
		return err
	}
	mark(stream.Context())
	for i := range in.Value {
		if err := stream.SendMsg(wrapperspb.String(fmt.Sprintf("%d %s", i, in.Value))); err != nil {
			return err
		}
	}
	return nil
}

// clientStream joins what it is sent.
func clientStream(_ any, stream grpc.ServerStream) error {
	mark(stream.Context())
	var all []string
	for {
		in := &wrapperspb.StringValue{}
		err := stream.RecvMsg(in)
		if err == io.EOF {
			return stream.SendMsg(wrapperspb.String(strings.Join(all, "+")))
		}
		if err != nil {
			return err
		}
		all = append(all, in.Value)
	}
}

// bidi answers each message before it reads the next.
func bidi(_ any, stream grpc.ServerStream) error {
	mark(stream.Context())
	for {
		in := &wrapperspb.StringValue{}
		err := stream.RecvMsg(in)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if err := stream.SendMsg(in); err != nil {
			return err
		}
	}
}

// describe registers the schema that a .proto file would have given, so that reflection can show it.
func describe() {
	method := func(name string, client, server bool) *descriptorpb.MethodDescriptorProto {
		message := proto.String(".google.protobuf.StringValue")
		return &descriptorpb.MethodDescriptorProto{Name: proto.String(name), InputType: message, OutputType: message, ClientStreaming: proto.Bool(client), ServerStreaming: proto.Bool(server)}
	}
	file, err := protodesc.NewFile(&descriptorpb.FileDescriptorProto{
		Name: proto.String("kt/test/echo.proto"), Package: proto.String("kt.test"), Syntax: proto.String("proto3"),
		Dependency: []string{"google/protobuf/wrappers.proto"},
		Service: []*descriptorpb.ServiceDescriptorProto{{Name: proto.String("Echo"), Method: []*descriptorpb.MethodDescriptorProto{
			method("Unary", false, false), method("Fail", false, false), method("ServerStream", false, true), method("ClientStream", true, false), method("Bidi", true, true),
		}}},
	}, protoregistry.GlobalFiles)
	if err != nil {
		panic(err)
	}
	if err := protoregistry.GlobalFiles.RegisterFile(file); err != nil {
		panic(err)
	}
}
