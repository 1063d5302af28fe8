/** Answers probes of the kubelet and of the edge, whether this uplink lives and whether it can serve, and says what it has counted. */

import type { Clock } from "#base/clock.ts";
import type { Conn } from "#base/conn.ts";
import { serveHttp, type ServerAnswer, type ServerRequest } from "#http/server.ts";
import { uplinkLimits } from "#uplink/limits.ts";
import { headerValue } from "#wire/http-head.ts";
import { encodeMetrics, type MetricFamily, metricsContentTypes, metricsFormatOf } from "#wire/openmetrics.ts";
import { plainAddress } from "./plain-address.ts";

export interface HealthOptions {
  /** Why it cannot serve; undefined where it can. */
  readonly unready: () => string | undefined;
  /** Called with who asks whether it can serve. */
  readonly onProbe: (address: string | undefined) => void;
  readonly metrics: () => readonly MetricFamily[];
  readonly clock: Clock;
}

export class HealthServer {
  readonly #options: HealthOptions;
  #open = 0;

  constructor(options: HealthOptions) {
    this.#options = options;
  }

  /** Owns the Conn. */
  accept(conn: Conn): void {
    if (this.#open < uplinkLimits.healthConnections) this.#serve(conn);
    else conn.abort();
  }

  #serve(conn: Conn): void {
    this.#open += 1;
    const address = plainAddress(conn.remoteAddress);
    const cancel = this.#options.clock.after(uplinkLimits.healthConnectionMs, () => conn.abort());
    const onOver = (): void => {
      cancel();
      this.#open -= 1;
    };
    serveHttp(watched(conn, onOver), (request) => this.#answer(request, address));
  }

  #answer({ path, head }: ServerRequest, address: string | undefined): ServerAnswer {
    if (head.method !== "GET" && head.method !== "HEAD") return text(405, "only GET is answered here");
    if (path === "/healthz") return text(200, "ok");
    if (path === "/metrics") return metricsAnswer(this.#options.metrics(), headerValue(head.headers, "accept"));
    if (path !== "/ready") return text(404, "there are /ready, /healthz and /metrics");
    this.#options.onProbe(address);
    const problem = this.#options.unready();
    return problem === undefined ? text(200, "ok") : text(503, problem);
  }
}

function metricsAnswer(families: readonly MetricFamily[], accept: string | undefined): ServerAnswer {
  const format = metricsFormatOf(accept);
  const headers = [["Content-Type", metricsContentTypes[format]]] as const;
  return { kind: "whole", status: 200, headers, body: new TextEncoder().encode(encodeMetrics(families, format)) };
}

function text(status: number, body: string): ServerAnswer {
  const headers = [["Content-Type", "text/plain; charset=utf-8"]] as const;
  return { kind: "whole", status, headers, body: new TextEncoder().encode(`${body}\n`) };
}

/** The same Conn, whose end is reported besides. */
function watched(conn: Conn, onOver: () => void): Conn {
  return {
    remoteAddress: conn.remoteAddress,
    start: (handler) =>
      conn.start({
        onData: (bytes) => handler.onData(bytes),
        onEnd: () => handler.onEnd(),
        onDrain: () => handler.onDrain(),
        onClose: (error) => {
          handler.onClose(error);
          onOver();
        },
      }),
    unread: (bytes) => conn.unread(bytes),
    write: (bytes) => conn.write(bytes),
    end: () => conn.end(),
    abort: () => conn.abort(),
    pause: () => conn.pause(),
    resume: () => conn.resume(),
  };
}
