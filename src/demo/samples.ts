/** The sample services of the demo: what runs in its pods, each on a loopback port of its own. */

import { type Server, serve } from "bun";
import type { Conn } from "#base/conn.ts";
import { type Certificate, selfSigned } from "#tls/self-signed.ts";
import { listenTcp } from "#net/tcp.ts";
import { renderPage } from "./sample-page.ts";

/** A running program of a pod. */
export interface Program {
  /** On 127.0.0.1. */
  readonly port: number;
  stop(): void;
}

export interface ProgramOptions {
  readonly pod: string;
  readonly service: string;
}

const loopback = { hostname: "127.0.0.1", port: 0, idleTimeout: 0 } as const;

function program(server: Server<unknown>): Program {
  return { port: server.port ?? 0, stop: () => void server.stop(true) };
}

/** An HTML page. `onDelete` is called when a request asks for the pod to be deleted. */
export function startPage({ pod, service }: ProgramOptions, onDelete: () => void): Program {
  let answered = 0;
  const server = serve({
    ...loopback,
    fetch(request) {
      if (request.method === "POST" && new URL(request.url).pathname === "/delete-pod") {
        onDelete();
        return new Response(undefined, { status: 303, headers: { Location: "/" } });
      }
      answered += 1;
      return new Response(renderPage({ pod, service, request, answered }), {
        headers: { "Content-Type": "text/html; charset=utf-8", "X-Pod": pod },
      });
    },
  });
  return program(server);
}

/** JSON on every path, a WebSocket that echoes at /ws, server-sent events at /events. */
export function startJsonApi({ pod, service }: ProgramOptions): Program {
  const server = serve({
    ...loopback,
    fetch(request, server) {
      const url = new URL(request.url);
      if (url.pathname === "/ws" && server.upgrade(request, { data: undefined })) return undefined;
      if (url.pathname === "/events") return events(pod, Number(url.searchParams.get("n") ?? "0"));
      const headers = Object.fromEntries(request.headers);
      return Response.json({ service, pod, method: request.method, path: url.pathname, headers }, { headers: { "X-Pod": pod } });
    },
    websocket: {
      idleTimeout: 0,
      message: (socket, message) => void socket.send(`${pod} heard: ${message}`),
    },
  });
  return program(server);
}

const eventIntervalMs = 1000;
/** A known number of events comes without a pause between them. */
const burstIntervalMs = 20;

/** `count` events, or without end when it is 0. */
function events(pod: string, count: number): Response {
  let timer: ReturnType<typeof setInterval>;
  let sent = 0;
  const body = new ReadableStream<string>({
    start(controller) {
      const send = (): void => {
        controller.enqueue(`id: ${sent}\ndata: event ${sent} of ${pod}\n\n`);
        sent += 1;
        if (sent !== count) return;
        clearInterval(timer);
        controller.close();
      };
      timer = setInterval(send, count > 0 ? burstIntervalMs : eventIntervalMs);
      send();
    },
    cancel: () => clearInterval(timer),
  });
  return new Response(body, { headers: { "Content-Type": "text/event-stream", "Cache-Control": "no-cache" } });
}

/** HTTPS with a certificate of its own, for TLS that passes through untouched. */
export function startTls({ pod, service }: ProgramOptions, certificate: Certificate): Program {
  const server = serve({
    ...loopback,
    tls: { cert: certificate.cert, key: certificate.key },
    fetch: () =>
      Response.json({ service, pod, note: "this certificate is the pod's own: kt passed TLS through" }, { headers: { "X-Pod": pod } }),
  });
  return program(server);
}

/** The certificate of the TLS service, for the name it is reached by. */
export function sampleCertificate(hostname: string): Certificate {
  return selfSigned(hostname, Date.now());
}

/** A TCP echo that says first who it is, as databases do. */
export function startEcho({ pod }: ProgramOptions): Program {
  const open = new Set<Conn>();
  const accept = (conn: Conn): void => {
    open.add(conn);
    conn.write(Buffer.from(`hello from ${pod}\n`));
    conn.start({
      onData(bytes) {
        if (!conn.write(bytes)) conn.pause();
      },
      onEnd: () => conn.end(),
      onDrain: () => conn.resume(),
      onClose: () => open.delete(conn),
    });
  };
  const listener = listenTcp({ host: "127.0.0.1", port: 0, accept });
  return {
    port: listener.port,
    stop() {
      listener.close();
      for (const conn of open) conn.abort();
    },
  };
}
