/** The name servers of this machine, for all names but kt's own: the first good reply of any, byte for byte. */

import type { Clock } from "#base/clock.ts";
import { formatHostPort } from "#base/hostname.ts";
import { type DnsQuery, type DnsReply, dnsCodes, dnsInfoCodes, parseDnsReplyHead, repeatsQuestion, withDnsId } from "#wire/dns-message.ts";
import { type Asked, type DnsTransport, exchanges, type NameServer } from "./exchange.ts";
import { dnsLimits } from "#dns/limits.ts";
import { LoopCheck, randomId } from "./loop-check.ts";

export interface UpstreamOptions {
  /** As they are now, in the order of asking. */
  readonly servers: () => readonly NameServer[];
  readonly clock: Clock;
}

/** A reply under the query's own id, or what is said where there is none. */
export type Forwarded = { readonly reply: Uint8Array } | DnsReply;

function unanswered(code: number, infoCode: number, text: string): DnsReply {
  return { code, isAuthoritative: false, extendedError: { infoCode, text: `kt: ${text}` } };
}

/** What clients with EDNS read besides (RFC 8914 §4). */
const tooMany = unanswered(dnsCodes.serverFailure, dnsInfoCodes.notReady, "too many questions wait for the name servers of this machine");
const silent = unanswered(dnsCodes.serverFailure, dnsInfoCodes.noReachableAuthority, "no name server of this machine answered in time");
/** Where there is only kt itself, the client knows better whom to ask. */
const refused = unanswered(
  dnsCodes.refused,
  dnsInfoCodes.notAuthoritative,
  "the name servers of this machine ask kt, which does not ask them back",
);

export class Upstream {
  readonly #options: UpstreamOptions;
  /** Until when they are asked last, by address. */
  readonly #silentUntilMs = new Map<string, number>();
  readonly #asked = new Set<ForwardedQuestion>();
  readonly #loops: LoopCheck;

  constructor(options: UpstreamOptions) {
    this.#options = options;
    this.#loops = new LoopCheck({ clock: options.clock, onLoop: (server) => this.#leave(server) });
  }

  /** Whether a name is asked for only because kt asked for it: it must not be asked for again. */
  isEcho(name: string): boolean {
    return this.#loops.arrived(name);
  }

  ask(message: Uint8Array, query: DnsQuery, transport: DnsTransport): Promise<Forwarded> {
    if (this.#asked.size >= dnsLimits.forwardedAtOnce) return Promise.resolve(tooMany);
    const servers = this.#servers();
    if (servers.length === 0) return Promise.resolve(refused);
    return new Promise((resolve) => {
      const asked = new ForwardedQuestion({
        message,
        query,
        transport,
        servers,
        clock: this.#options.clock,
        heard: (server, isAlive) => this.#heard(server, isAlive),
        done: (forwarded) => {
          this.#asked.delete(asked);
          resolve(forwarded);
        },
      });
      this.#asked.add(asked);
      asked.begin();
    });
  }

  close(): void {
    this.#loops.close();
    for (const asked of this.#asked) asked.end(silent);
  }

  #leave(server: NameServer): void {
    for (const asked of this.#asked) asked.leave(server);
  }

  /** Those that were silent lately come last. */
  #servers(): NameServer[] {
    const nowMs = this.#options.clock.now();
    const isSilent = (server: NameServer): boolean => (this.#silentUntilMs.get(formatHostPort(server)) ?? nowMs) > nowMs;
    const servers = this.#options.servers();
    for (const server of servers) this.#loops.check(server);
    const all = servers.filter((server) => !this.#loops.isLoop(server));
    if (this.#silentUntilMs.size === 0) return all;
    return [...all.filter((server) => !isSilent(server)), ...all.filter(isSilent)];
  }

  #heard(server: NameServer, isAlive: boolean): void {
    const key = formatHostPort(server);
    if (isAlive) this.#silentUntilMs.delete(key);
    else {
      if (this.#silentUntilMs.size >= dnsLimits.knownServers) this.#silentUntilMs.clear();
      this.#silentUntilMs.set(key, this.#options.clock.now() + dnsLimits.silentServerMs);
      this.#loops.check(server, dnsLimits.silentLoopCheckMs);
    }
  }
}

interface QuestionOptions {
  readonly message: Uint8Array;
  readonly query: DnsQuery;
  readonly transport: DnsTransport;
  /** One at least. */
  readonly servers: readonly NameServer[];
  readonly clock: Clock;
  readonly heard: (server: NameServer, isAlive: boolean) => void;
  readonly done: (forwarded: Forwarded) => void;
}

/** What the next server may do better (as C libraries have it). */
const failures: ReadonlySet<number> = new Set([dnsCodes.serverFailure, dnsCodes.notImplemented, dnsCodes.refused]);

class ForwardedQuestion {
  readonly #options: QuestionOptions;
  readonly #message: Uint8Array;
  readonly #id: number;
  /** Whom to ask, in this order: a datagram may be lost, so by UDP each is asked twice. */
  readonly #left: NameServer[];
  /** Those that may still reply, by address. */
  readonly #waiting = new Map<string, Asked>();
  #refusal: Uint8Array | undefined;
  #cancelNext = (): void => {};
  #cancelEnd = (): void => {};
  #isOver = false;
  /** A server that would have been asked asks kt. */
  #isRefused = false;

  constructor(options: QuestionOptions) {
    const { message, servers, transport } = options;
    this.#options = options;
    this.#id = randomId();
    this.#message = withDnsId(message, this.#id);
    this.#left = transport === "udp" ? [...servers, ...servers] : [...servers];
  }

  begin(): void {
    this.#cancelEnd = this.#options.clock.after(dnsLimits.forwardMs, () => this.#give());
    this.#askNext();
  }

  end(forwarded: Forwarded): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#cancelNext();
    this.#cancelEnd();
    for (const asked of this.#waiting.values()) asked.close();
    this.#waiting.clear();
    this.#options.done(forwarded);
  }

  /** The server waits for kt: another one may know, and so may the client. */
  leave(server: NameServer): void {
    if (!this.#waiting.has(formatHostPort(server))) return;
    this.#isRefused = true;
    this.#over(server);
  }

  #askNext(): void {
    this.#cancelNext();
    if (this.#isOver) return;
    const server = this.#left.shift();
    if (server === undefined) {
      if (this.#waiting.size === 0) this.#give();
      return;
    }
    this.#ask(server);
    this.#cancelNext = this.#options.clock.after(dnsLimits.nextServerMs, () => {
      this.#options.heard(server, false);
      this.#askNext();
    });
  }

  #ask(server: NameServer): void {
    const key = formatHostPort(server);
    const waiting = this.#waiting.get(key);
    if (waiting) {
      waiting.again();
      return;
    }
    const ends = { reply: (reply: Uint8Array) => this.#replied(reply, server), fail: () => this.#failed(server) };
    this.#waiting.set(key, exchanges[this.#options.transport](server, this.#message, ends));
  }

  /** One that is not to this question is another's, or forged: the true one may follow. */
  #replied(reply: Uint8Array, server: NameServer): void {
    const head = parseDnsReplyHead(reply);
    const { query, heard } = this.#options;
    if (head?.id !== this.#id || !repeatsQuestion(reply, query.questionBytes)) return;
    heard(server, true);
    if (failures.has(head.code)) {
      this.#refusal ??= reply;
      this.#over(server);
    } else this.end({ reply: withDnsId(reply, query.id) });
  }

  /** Nothing listens there, or the network is down. */
  #failed(server: NameServer): void {
    this.#options.heard(server, false);
    this.#over(server);
  }

  /** It has said all that it will say. */
  #over(server: NameServer): void {
    const key = formatHostPort(server);
    this.#waiting.get(key)?.close();
    this.#waiting.delete(key);
    const again = this.#left.findIndex((each) => formatHostPort(each) === key);
    if (again >= 0) this.#left.splice(again, 1);
    this.#askNext();
  }

  /** No server has more to say than this. */
  #give(): void {
    const { query } = this.#options;
    const none = this.#isRefused ? refused : silent;
    this.end(this.#refusal ? { reply: withDnsId(this.#refusal, query.id) } : none);
  }
}
