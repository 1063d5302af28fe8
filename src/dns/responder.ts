/** A message → its answer: kt's own names at once, all others from the name servers of this machine. */

import { type DnsQuery, dnsCodes, formatDnsFailure, formatDnsReply, parseDnsQuery, udpReplyBytes } from "#wire/dns-message.ts";
import { answer, failure, type OwnNames } from "./answer.ts";
import type { DnsTransport } from "#dns/upstream/exchange.ts";
import type { Upstream } from "#dns/upstream/upstream.ts";

/** By TCP the length has two bytes. */
const tcpReplyBytes = 65_535;

export class Responder {
  readonly #names: () => OwnNames;
  readonly #upstream: Upstream;

  constructor(names: () => OwnNames, upstream: Upstream) {
    this.#names = names;
    this.#upstream = upstream;
  }

  /** Undefined for what gets no answer. */
  respond(message: Uint8Array, transport: DnsTransport): Uint8Array | Promise<Uint8Array> | undefined {
    const parsed = parseDnsQuery(message);
    if (parsed.kind === "none") return undefined;
    if (parsed.kind === "malformed") return formatDnsFailure(parsed);
    const { query } = parsed;
    const limitBytes = transport === "udp" ? udpReplyBytes(query) : tcpReplyBytes;
    if (query.edns && query.edns.version > 0) return formatDnsReply(query, failure(dnsCodes.badVersion), limitBytes);
    const isEcho = this.#upstream.isEcho(query.question.name);
    const own = isEcho ? failure(dnsCodes.refused) : answer(query.question, this.#names());
    return own ? formatDnsReply(query, own, limitBytes) : this.#forward(message, query, transport);
  }

  async #forward(message: Uint8Array, query: DnsQuery, transport: DnsTransport): Promise<Uint8Array> {
    const forwarded = await this.#upstream.ask(message, query, transport);
    return "reply" in forwarded ? forwarded.reply : formatDnsReply(query, forwarded, tcpReplyBytes);
  }
}
