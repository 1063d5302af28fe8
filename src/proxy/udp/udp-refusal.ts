/** Tells a client of UDP why it gets no answer, where its protocol has words for it: clients of DNS would wait for seconds. */

import type { KtError } from "#base/errors.ts";
import { printable } from "#base/printable.ts";
import { dnsClasses, dnsCodes, dnsInfoCodes, type DnsQuery, formatDnsReply, parseDnsQuery, udpReplyBytes } from "#wire/dns-message.ts";
import { wireLimits } from "#wire/limits.ts";

/** Queries are no longer (RFC 1035 §4.2.1): what is longer is not kept. */
export const refusableBytes: number = wireLimits.dnsPlainBytes;

/** Undefined for what is not a query of DNS without doubt: no other protocol gets an answer that it does not know. */
export function refuseDatagram(payload: Uint8Array, error: KtError): Uint8Array | undefined {
  const parsed = parseDnsQuery(payload);
  if (parsed.kind !== "query" || !isWhole(parsed.query, payload)) return undefined;
  const { query } = parsed;
  const extendedError = { infoCode: dnsInfoCodes.networkError, text: printable(`kt: ${error.message}`) };
  return formatDnsReply(query, { code: dnsCodes.serverFailure, isAuthoritative: false, extendedError }, udpReplyBytes(query));
}

/** Nothing stands behind the question but what EDNS adds. */
function isWhole({ question, questionBytes, edns }: DnsQuery, { length }: Uint8Array): boolean {
  if (question.class !== dnsClasses.internet && question.class !== dnsClasses.any) return false;
  return edns !== undefined || length === dnsHeaderBytes + questionBytes.length;
}

const dnsHeaderBytes = 12;
