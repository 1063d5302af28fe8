/**
 * Finds name servers that ask kt in turn, as systemd-resolved does for every name once it has kt's address. What it passes on to kt must
 * not go back to it: both would wait for each other.
 */

import type { Clock } from "#base/clock.ts";
import { formatHostPort } from "#base/hostname.ts";
import { dnsTypes, formatDnsQuery } from "#wire/dns-message.ts";
import { dnsLimits } from "#dns/limits.ts";
import { exchanges, type NameServer } from "./exchange.ts";

export interface LoopCheckOptions {
  readonly clock: Clock;
  /** The server asks kt: it has no answer to what is asked of it now. */
  readonly onLoop: (server: NameServer) => void;
}

interface Checked {
  readonly atMs: number;
  isLoop: boolean;
}

interface Probe {
  readonly server: NameServer;
  /** Resolvers ask several times. */
  hasArrived: boolean;
}

export class LoopCheck {
  readonly #options: LoopCheckOptions;
  /** By address. */
  readonly #checked = new Map<string, Checked>();
  /** Names that were made up for a server, and are asked of no other. */
  readonly #probes = new Map<string, Probe>();
  readonly #closing = new AbortController();

  constructor(options: LoopCheckOptions) {
    this.#options = options;
  }

  /** As far as it is known. */
  isLoop(server: NameServer): boolean {
    return this.#checked.get(formatHostPort(server))?.isLoop === true;
  }

  /** Asks the server for a name that is not there, where that was not done within this time. Only one on this machine can reach kt. */
  check(server: NameServer, withinMs: number = dnsLimits.loopCheckMs): void {
    const key = formatHostPort(server);
    const known = this.#checked.get(key);
    const nowMs = this.#options.clock.now();
    if (!isOnThisMachine(server.host) || (known && nowMs - known.atMs < withinMs)) return;
    const checked = { atMs: nowMs, isLoop: known?.isLoop ?? false };
    if (this.#checked.size >= dnsLimits.knownServers) this.#checked.clear();
    this.#checked.set(key, checked);
    this.#probe(server, checked);
  }

  /** Whether the name that is asked for is one of those that were made up: its server has asked kt. */
  arrived(name: string): boolean {
    const probe = this.#probes.get(name);
    if (probe === undefined) return false;
    const checked = this.#checked.get(formatHostPort(probe.server));
    probe.hasArrived = true;
    if (checked) checked.isLoop = true;
    this.#options.onLoop(probe.server);
    return true;
  }

  close(): void {
    this.#closing.abort();
  }

  #probe(server: NameServer, checked: Checked): void {
    const name = `kt-${Buffer.from(crypto.getRandomValues(new Uint8Array(8))).toString("hex")}.test`;
    const probe = { server, hasArrived: false };
    this.#probes.set(name, probe);
    const end = (): void => {
      this.#probes.delete(name);
      cancel();
      asked.close();
      this.#closing.signal.removeEventListener("abort", end);
    };
    // An answer that kt did not give.
    const answered = (): void => {
      if (!probe.hasArrived) checked.isLoop = false;
      end();
    };
    const asked = exchanges.udp(server, formatDnsQuery(randomId(), { name, type: dnsTypes.A }), { reply: answered, fail: end });
    const cancel = this.#options.clock.after(dnsLimits.forwardMs, end);
    this.#closing.signal.addEventListener("abort", end, { once: true });
  }
}

export function randomId(): number {
  return crypto.getRandomValues(new Uint16Array(1))[0] ?? 0;
}

/** The addresses without a number are this machine's, too (resolv.conf(5)). */
function isOnThisMachine(host: string): boolean {
  return /^(127\.|::1$|0\.0\.0\.0$|::$)/.test(host);
}
