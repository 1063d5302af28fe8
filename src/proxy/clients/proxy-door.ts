/** Proxy doors: addresses at which clients of SOCKS5, HTTP CONNECT and absolute-form HTTP ask for names of the cluster. */

import type { Conn, ConnHandler } from "#base/conn.ts";
import { KtError, toKtError } from "#base/errors.ts";
import { formatHostPort } from "#base/hostname.ts";
import type { SocketEnds } from "#net/tcp.ts";
import { toProblem } from "#observe/events.ts";
import { plainAnswer } from "#proxy/arrival.ts";
import type { DoorContext } from "#proxy/door/context.ts";
import { Door, type Guest, type OpenAddress } from "#proxy/door/door.ts";
import type { Speech } from "#proxy/door/first-bytes.ts";
import { Peek } from "#proxy/door/peek.ts";
import { SpeechMemory } from "#proxy/h2/speech-memory.ts";
import { Backends } from "#proxy/http1/backends.ts";
import { overH2 } from "#proxy/h2/over-h2.ts";
import { serveWeb, type WebParts } from "#proxy/serve-web.ts";
import { WebRefusals } from "#proxy/web-refusal.ts";
import type { RequestHead } from "#wire/http-head.ts";
import { encodeSocks4Refusal, socks4Version, socksVersion } from "#wire/socks.ts";
import { type AskedNames, ProxyVisit } from "./proxy-visit.ts";
import { ProxyTunnels } from "./proxy-tunnels.ts";
import { SocksClient } from "./socks-client.ts";
import { connectAnswers, connectTarget, proxyRouter } from "./web-proxy.ts";

/** What the clients of all proxy addresses share. */
interface ProxyParts extends WebParts {
  readonly refusals: WebRefusals;
  readonly tunnels: ProxyTunnels;
}

export class ProxyDoor {
  readonly #parts: ProxyParts;
  readonly #namesOf: (profiles: readonly string[]) => AskedNames;

  /** `namesOf`: what an address leads to that these profiles share. */
  constructor(context: DoorContext, namesOf: (profiles: readonly string[]) => AskedNames) {
    this.#namesOf = namesOf;
    const door = new Door(context);
    this.#parts = {
      context,
      door,
      backends: new Backends(context.dialer, context.clock, context.idleLimitsOf, overH2),
      speech: new SpeechMemory(context.clock),
      refusals: new WebRefusals(context, door),
      tunnels: new ProxyTunnels(context, door),
    };
  }

  /** Throws KtError `port-taken` or `listen-failed`. */
  listen(address: { readonly host: string; readonly port: number }, profiles: readonly string[]): OpenAddress<readonly string[]> {
    let current = this.#namesOf(profiles);
    const { context, door } = this.#parts;
    const accept = (conn: Conn, ends: () => SocketEnds | undefined): void => {
      const visit = new ProxyVisit(() => current, context, ends);
      new ProxyArrival(conn, { ...this.#parts, visit, address: formatHostPort({ host: address.host, port }) });
    };
    const { port, close } = door.open(address, accept, (problem) => plainAnswer("503 Service Unavailable", problem));
    return {
      port,
      leadTo: (next) => {
        current = this.#namesOf(next);
      },
      close,
    };
  }

  /** Stops accepting, lets open connections go on for at most `deadlineMs`, then ends them. */
  async drain(deadlineMs: number): Promise<void> {
    await this.#parts.door.drain(deadlineMs);
    this.#parts.backends.close();
  }
}

interface ArrivalParts extends ProxyParts {
  readonly visit: ProxyVisit;
  /** Where the proxy listens. */
  readonly address: string;
}

/** A connection of which nothing is known yet: its first byte tells SOCKS from HTTP. */
class ProxyArrival implements ConnHandler, Guest {
  readonly #conn: Conn;
  readonly #parts: ArrivalParts;

  constructor(conn: Conn, parts: ArrivalParts) {
    this.#conn = conn;
    this.#parts = parts;
    parts.door.enter(this);
    conn.start(this);
  }

  drain(): void {
    this.#conn.abort();
  }

  abort(): void {
    this.#conn.abort();
  }

  onData(bytes: Uint8Array): void {
    const { tunnels, visit, door, context } = this.#parts;
    const conn = this.#conn;
    conn.pause();
    conn.unread(bytes);
    if (bytes[0] === socksVersion) new SocksClient(conn, { visit, tunnels, door, clock: context.clock });
    else if (bytes[0] === socks4Version) tunnels.refuse(conn, conn.remoteAddress ?? "", socks4, { refused: () => [encodeSocks4Refusal()] });
    else this.#peek();
    door.leave(this);
  }

  onEnd(): void {
    this.#conn.end();
  }

  onDrain(): void {}

  onClose(): void {
    this.#parts.door.leave(this);
  }

  #peek(): void {
    const leave = this.#parts.door.hold(this.#conn);
    new Peek(this.#conn, this.#parts.context.clock, {
      onSpeech: (speech) => {
        this.#serve(speech);
        leave();
      },
      onGarbage: (error) => this.#garbage(error),
      onClosed: leave,
    });
  }

  #serve(speech: Speech): void {
    const { refusals, visit, address, ...parts } = this.#parts;
    const conn = this.#conn;
    if (speech.kind === "tls") {
      void refusals.accept(conn, speech.hello.serverName, (inside, alpn) => {
        refusals.refuse(inside, alpn === "h2" ? "h2" : "http1", this.#reported(noTls(address)), "https");
      });
    } else if (speech.kind === "h2") refusals.refuse(conn, "h2", this.#reported(noH2), "http");
    else {
      const onConnect = (client: Conn, head: RequestHead): void => this.#connect(client, head);
      const dial = async (): Promise<never> => await Promise.reject(noH2);
      serveWeb(conn, "http1", { ...parts, router: proxyRouter(visit, address), scheme: "http", dial, onConnect });
    }
  }

  #connect(conn: Conn, head: RequestHead): void {
    const { tunnels, visit } = this.#parts;
    const answers = connectAnswers(head);
    try {
      tunnels.open(conn, { ...connectTarget(head), visit, answers });
    } catch (error) {
      tunnels.refuse(conn, head.target, toKtError(error, "request-invalid", "read the request"), answers);
    }
  }

  #reported(error: KtError): KtError {
    this.#parts.context.report({ type: "refused", name: this.#conn.remoteAddress ?? "", problem: toProblem(error) });
    return error;
  }

  #garbage(error: KtError): void {
    for (const bytes of plainAnswer("400 Bad Request", this.#reported(error))) this.#conn.write(bytes);
    this.#conn.end();
  }
}

const socks4 = new KtError("request-invalid", "the client speaks SOCKS 4, and kt's proxy speaks SOCKS 5", {
  hints: ["set the client to SOCKS 5, for curl --socks5-hostname or socks5h://"],
});

const noH2 = new KtError("request-invalid", "kt's proxy speaks SOCKS 5 and HTTP/1.1, and the client began in HTTP/2");

function noTls(address: string): KtError {
  return new KtError("request-invalid", "the client speaks TLS to the proxy itself, and kt's proxy listens without", {
    hints: [`write the address of the proxy with http: http://${address}`],
  });
}
