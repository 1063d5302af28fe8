/** Answers the kubelet's probes of the operator: alive, and ready once it has begun. */

import { type Listener, listenTcp } from "#net/tcp.ts";
import { type ServerAnswer, serveHttp } from "#http/server.ts";

export interface HealthServerOptions {
  readonly host: string;
  readonly port: number;
  readonly isReady: () => boolean;
}

export function healthServer({ host, port, isReady }: HealthServerOptions): Listener {
  const answer = (path: string): ServerAnswer => {
    if (path === "/healthz" || (path === "/readyz" && isReady())) return text(200, "ok");
    return path === "/readyz" ? text(503, "not ready") : text(404, "not found");
  };
  return listenTcp({ host, port, accept: (conn) => serveHttp(conn, ({ path }) => answer(path)) });
}

function text(status: number, body: string): ServerAnswer {
  return { kind: "whole", status, headers: [["Content-Type", "text/plain; charset=utf-8"]], body: Buffer.from(`${body}\n`) };
}
