/** Asks kt's own DNS for a name, as programs do that have its address, and this machine's resolver for the same one. */

import type { Clock } from "#base/clock.ts";
import { exchanges, type DnsTransport, type NameServer } from "#dns/upstream/exchange.ts";
import { randomId } from "#dns/upstream/loop-check.ts";
import { addressesInReply, dnsTypes, formatDnsQuery, parseDnsReplyHead } from "#wire/dns-message.ts";
import { doctorLimits } from "./limits.ts";

/** What came back, and after how long. */
export interface DnsTrial {
  readonly addresses: readonly string[];
  readonly tookMs: number;
}

/** Undefined where no answer came in time. */
export async function tryDns(server: NameServer, name: string, transport: DnsTransport, clock: Clock): Promise<DnsTrial | undefined> {
  const id = randomId();
  const startedMs = clock.now();
  const reply = await replyOf(server, formatDnsQuery(id, { name, type: dnsTypes.A }), transport, clock);
  if (reply === undefined || parseDnsReplyHead(reply)?.id !== id) return undefined;
  return { addresses: addressesInReply(reply), tookMs: clock.now() - startedMs };
}

function replyOf(server: NameServer, message: Uint8Array, transport: DnsTransport, clock: Clock): Promise<Uint8Array | undefined> {
  return new Promise((resolve) => {
    const done = (reply: Uint8Array | undefined): void => {
      cancel();
      asked.close();
      resolve(reply);
    };
    const asked = exchanges[transport](server, message, { reply: done, fail: () => done(undefined) });
    const cancel = clock.after(doctorLimits.doctorAskMs, () => done(undefined));
  });
}
