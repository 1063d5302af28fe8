/** A name server for tests, by UDP and TCP on one port: it answers as a test says, and remembers what it was asked. */

import { ByteQueue } from "#base/bytes.ts";
import { framed, takeFramed } from "#wire/dns-frame.ts";
import { listenTcp } from "#net/tcp.ts";
import { listenUdp } from "#net/udp.ts";
import { type DnsQuery, dnsCodes, dnsData, dnsTypes, formatDnsReply, parseDnsQuery } from "#wire/dns-message.ts";

export interface Told {
  readonly code?: number;
  /** IPv4 addresses. */
  readonly addresses?: readonly string[];
  readonly limitBytes?: number;
}

const probe = /^kt-[0-9a-f]{16}\.test$/;

/** What it says to a question; undefined is nothing at all. */
export type Say = (query: DnsQuery, transport: "udp" | "tcp") => Uint8Array | readonly Uint8Array[] | undefined;

export function reply(query: DnsQuery, { code = 0, addresses = [], limitBytes = 65_535 }: Told): Uint8Array {
  const { name } = query.question;
  const answers = addresses.map((address) => ({ name, type: dnsTypes.A, ttlSeconds: 60, data: dnsData.a(address) }));
  return formatDnsReply(query, { code, isAuthoritative: false, answers }, limitBytes);
}

export class StubNameServer {
  readonly host: string;
  readonly port: number;
  /** As `udp NAME`. */
  readonly asked: string[] = [];
  /** How often kt asked whether this server asks kt. */
  probes = 0;
  say: Say;
  readonly #close: () => void;
  #changed = Promise.withResolvers<void>();

  /** Port 0 is any. */
  constructor(say: Say, { host, port }: { readonly host: string; readonly port: number } = { host: "127.0.0.1", port: 0 }) {
    this.say = say;
    this.host = host;
    const tcp = listenTcp({
      host,
      port,
      accept: (conn) => {
        const bytes = new ByteQueue();
        conn.start({
          onData: (data) => {
            bytes.push(data);
            for (const each of this.#answers(takeFramed(bytes), "tcp")) conn.write(framed(each));
          },
          onEnd: () => conn.end(),
          onDrain() {},
          onClose() {},
        });
      },
    });
    const udp = listenUdp({
      host: this.host,
      port: tcp.port,
      onDatagram: (payload, from) => {
        for (const each of this.#answers(payload, "udp")) udp.send(each, from);
      },
    });
    this.port = tcp.port;
    this.#close = () => {
      tcp.close();
      udp.close();
    };
  }

  /** Resolves once it has been asked so often. */
  async untilAsked(count: number): Promise<void> {
    while (this.asked.length < count) await this.#changed.promise;
  }

  #answers(message: Uint8Array | undefined, transport: "udp" | "tcp"): readonly Uint8Array[] {
    const parsed = message && parseDnsQuery(message);
    if (parsed?.kind !== "query") return [];
    if (probe.test(parsed.query.question.name)) {
      this.probes += 1;
      return [reply(parsed.query, { code: dnsCodes.noSuchName })];
    }
    this.asked.push(`${transport} ${parsed.query.question.name}`);
    const changed = this.#changed;
    this.#changed = Promise.withResolvers();
    changed.resolve();
    const said = this.say(parsed.query, transport) ?? [];
    return said instanceof Uint8Array ? [said] : said;
  }

  [Symbol.dispose](): void {
    this.#close();
  }
}
