/** DNS messages as a server meets them: one question in, records out (RFC 1035 §4, RFC 6891). */

import { wireLimits } from "./limits.ts";

export const dnsTypes = { A: 1, SOA: 6, PTR: 12, AAAA: 28, SRV: 33, OPT: 41, ANY: 255 } as const;
export const dnsClasses = { internet: 1, any: 255 } as const;
export const dnsCodes = {
  noError: 0,
  malformed: 1,
  serverFailure: 2,
  noSuchName: 3,
  notImplemented: 4,
  refused: 5,
  /** Only with EDNS, which has room for it. */
  badVersion: 16,
} as const;

export interface DnsQuestion {
  /** Lower case, without the last dot; the root is "". Bytes that no hostname has are written as `\DDD`, a dot in a label too. */
  readonly name: string;
  readonly type: number;
  readonly class: number;
}

/** What the client says of itself by EDNS. */
export interface DnsEdns {
  readonly version: number;
  /** The longest UDP reply that it takes. */
  readonly payloadBytes: number;
  readonly dnssecOk: boolean;
}

export interface DnsQuery {
  readonly id: number;
  readonly opcode: number;
  /** The client also asks for what other servers know. */
  readonly recursionDesired: boolean;
  readonly checkingDisabled: boolean;
  readonly question: DnsQuestion;
  /** The question as it was sent, in the client's own letters. */
  readonly questionBytes: Uint8Array;
  readonly edns: DnsEdns | undefined;
}

/** `none`: a reply, or too short for an answer. `malformed` has an id, and so can be answered. */
export type DnsParsed =
  | { readonly kind: "query"; readonly query: DnsQuery }
  | { readonly kind: "malformed"; readonly id: number; readonly opcode: number; readonly code: number }
  | { readonly kind: "none" };

export interface DnsRecord {
  readonly name: string;
  readonly type: number;
  readonly ttlSeconds: number;
  readonly data: Uint8Array;
}

/** RFC 8914: a code of its registry, and words for people. */
export interface DnsExtendedError {
  readonly infoCode: number;
  /** Cut where it is longer than a reply of 512 bytes has room for. */
  readonly text: string;
}

/** RFC 8914 §4. */
export const dnsInfoCodes = { notReady: 14, notAuthoritative: 20, noReachableAuthority: 22, networkError: 23 } as const;

export interface DnsReply {
  readonly code: number;
  /** Whether the names are this server's own. */
  readonly isAuthoritative: boolean;
  /** Why it failed, for clients that speak EDNS. */
  readonly extendedError?: DnsExtendedError;
  readonly answers?: readonly DnsRecord[];
  readonly authorities?: readonly DnsRecord[];
  readonly additionals?: readonly DnsRecord[];
}

const headerBytes = 12;
const flagBits = {
  response: 0x8000,
  authoritative: 0x400,
  truncated: 0x200,
  recursionDesired: 0x100,
  recursionAvailable: 0x80,
  checkingDisabled: 0x10,
};
const dnssecOkBit = 0x8000;

export function parseDnsQuery(bytes: Uint8Array): DnsParsed {
  if (bytes.length < headerBytes) return { kind: "none" };
  const view = viewOf(bytes);
  const [id, flags, questions] = [view.getUint16(0), view.getUint16(2), view.getUint16(4)];
  if ((flags & flagBits.response) !== 0) return { kind: "none" };
  const opcode = (flags >> 11) & 15;
  // Other operations have sections of their own.
  if (opcode !== 0) return { kind: "malformed", id, opcode, code: dnsCodes.notImplemented };
  const malformed: DnsParsed = { kind: "malformed", id, opcode, code: dnsCodes.malformed };
  const name = questions === 1 ? readName(bytes, headerBytes) : undefined;
  if (name === undefined || name.next + 4 > bytes.length) return malformed;
  const after = name.next + 4;
  const edns = findEdns(bytes, view, after);
  if (edns === "malformed") return malformed;
  const question = { name: name.text, type: view.getUint16(name.next), class: view.getUint16(name.next + 2) };
  const [recursionDesired, checkingDisabled] = [(flags & flagBits.recursionDesired) !== 0, (flags & flagBits.checkingDisabled) !== 0];
  const questionBytes = bytes.subarray(headerBytes, after);
  return { kind: "query", query: { id, opcode, recursionDesired, checkingDisabled, question, questionBytes, edns } };
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** A name without pointers: the first name of a message has nothing to point to. */
function readName(bytes: Uint8Array, from: number): { readonly text: string; readonly next: number } | undefined {
  const labels: string[] = [];
  for (let at = from; ; ) {
    const length = bytes[at];
    if (length === undefined || length > 63 || at - from > 254) return undefined;
    if (length === 0) return { text: labels.join("."), next: at + 1 };
    if (at + 1 + length > bytes.length) return undefined;
    labels.push(labelText(bytes.subarray(at + 1, at + 1 + length)));
    at += 1 + length;
  }
}

function labelText(bytes: Uint8Array): string {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1");
  return text.replace(/[^\w-]/g, (byte) => `\\${String(byte.charCodeAt(0)).padStart(3, "0")}`).toLowerCase();
}

/** Where a name ends, which may be in a pointer. */
function nameEnd(bytes: Uint8Array, from: number): number | undefined {
  for (let at = from; ; ) {
    const length = bytes[at];
    if (length === undefined || at - from > 254) return undefined;
    if (length >= 0xc0) return at + 2;
    if (length > 63) return undefined;
    if (length === 0) return at + 1;
    at += 1 + length;
  }
}

/** The OPT record, of which there is one at most, with the root as its name (RFC 6891 §6.1). */
function findEdns(bytes: Uint8Array, view: DataView, from: number): DnsEdns | undefined | "malformed" {
  const records = view.getUint16(6) + view.getUint16(8) + view.getUint16(10);
  let edns: DnsEdns | undefined;
  let at = from;
  for (let left = records; left > 0; left--) {
    const after = nameEnd(bytes, at);
    if (after === undefined || after + 10 > bytes.length) return "malformed";
    const next = after + 10 + view.getUint16(after + 8);
    if (next > bytes.length) return "malformed";
    if (view.getUint16(after) === dnsTypes.OPT) {
      if (edns !== undefined || after !== at + 1) return "malformed";
      edns = readEdns(view, after);
    }
    at = next;
  }
  return edns;
}

function readEdns(view: DataView, at: number): DnsEdns {
  return {
    payloadBytes: view.getUint16(at + 2),
    version: view.getUint8(at + 5),
    dnssecOk: (view.getUint16(at + 6) & dnssecOkBit) !== 0,
  };
}

/** How long a reply by UDP may be for this client. */
export function udpReplyBytes({ edns }: Pick<DnsQuery, "edns">): number {
  return Math.min(Math.max(edns?.payloadBytes ?? 0, wireLimits.dnsPlainBytes), wireLimits.dnsUdpBytes);
}

/** Within `limitBytes`. Where answers have no room, the reply says so, and the client asks again by TCP. */
export function formatDnsReply(query: DnsQuery, reply: DnsReply, limitBytes: number): Uint8Array {
  const { answers = [], authorities = [], additionals = [] } = reply;
  const opt = query.edns === undefined ? [] : [optRecord(reply, query.edns)];
  const room = limitBytes - headerBytes - query.questionBytes.length - total(opt);
  const format = (record: DnsRecord): Uint8Array => formatRecord(record, query.question.name);
  const [answered, roomForOthers] = fitting(answers.map(format), room);
  const isWhole = answered.length === answers.length;
  const [others, roomForMore] = isWhole ? fitting(authorities.map(format), roomForOthers) : [[], 0];
  const [more] = fitting(additionals.map(format), roomForMore);
  const counts = [1, answered.length, others.length, more.length + opt.length];
  const header = numbers(query.id, replyFlags(query, reply, isWhole), ...counts);
  return Buffer.concat([header, query.questionBytes, ...answered, ...others, ...more, ...opt]);
}

function replyFlags(query: DnsQuery, { code, isAuthoritative }: DnsReply, isWhole: boolean): number {
  return (
    flagBits.response |
    (query.opcode << 11) |
    (isAuthoritative ? flagBits.authoritative : 0) |
    (isWhole ? 0 : flagBits.truncated) |
    (query.recursionDesired ? flagBits.recursionDesired : 0) |
    flagBits.recursionAvailable |
    (query.checkingDisabled ? flagBits.checkingDisabled : 0) |
    (code & 15)
  );
}

/** What can be said of a query that cannot be read. */
export function formatDnsFailure({
  id,
  opcode,
  code,
}: {
  readonly id: number;
  readonly opcode: number;
  readonly code: number;
}): Uint8Array {
  return numbers(id, flagBits.response | (opcode << 11) | code, 0, 0, 0, 0);
}

/** A query of one's own, as resolvers send them. */
export function formatDnsQuery(id: number, { name, type }: Pick<DnsQuestion, "name" | "type">): Uint8Array {
  return Buffer.concat([numbers(id, flagBits.recursionDesired, 1, 0, 0, 0), formatName(name), numbers(type, dnsClasses.internet)]);
}

/** What of a reply says whether it belongs to a query, and what became of it; undefined for what is not a reply. */
export interface DnsReplyHead {
  readonly id: number;
  readonly code: number;
  readonly isTruncated: boolean;
  readonly answers: number;
}

export function parseDnsReplyHead(bytes: Uint8Array): DnsReplyHead | undefined {
  if (bytes.length < headerBytes) return undefined;
  const view = viewOf(bytes);
  const flags = view.getUint16(2);
  if ((flags & flagBits.response) === 0) return undefined;
  return { id: view.getUint16(0), code: flags & 15, isTruncated: (flags & flagBits.truncated) !== 0, answers: view.getUint16(6) };
}

/** The IPv4 addresses that a reply answers with; those before what cannot be read. */
export function addressesInReply(bytes: Uint8Array): string[] {
  const head = parseDnsReplyHead(bytes);
  if (head === undefined) return [];
  const view = viewOf(bytes);
  const addresses: string[] = [];
  let at = afterQuestions(bytes, view);
  for (let left = head.answers; left > 0 && at !== undefined; left--) {
    const after = nameEnd(bytes, at);
    if (after === undefined || after + 10 > bytes.length) break;
    const data = bytes.subarray(after + 10, after + 10 + view.getUint16(after + 8));
    if (view.getUint16(after) === dnsTypes.A && data.length === 4) addresses.push(data.join("."));
    at = after + 10 + view.getUint16(after + 8);
  }
  return addresses;
}

function afterQuestions(bytes: Uint8Array, view: DataView): number | undefined {
  let at: number | undefined = headerBytes;
  for (let left = view.getUint16(4); left > 0 && at !== undefined; left--) {
    const after = nameEnd(bytes, at);
    at = after === undefined ? undefined : after + 4;
  }
  return at;
}

/** Whether a reply is to this question, letter by letter. Some servers leave it out of what they refuse. */
export function repeatsQuestion(reply: Uint8Array, questionBytes: Uint8Array): boolean {
  if (viewOf(reply).getUint16(4) === 0) return (parseDnsReplyHead(reply)?.code ?? 0) !== 0;
  return Buffer.compare(reply.subarray(headerBytes, headerBytes + questionBytes.length), questionBytes) === 0;
}

/** The same message under another id. */
export function withDnsId(message: Uint8Array, id: number): Uint8Array {
  const copy = Uint8Array.from(message);
  copy[0] = id >> 8;
  copy[1] = id & 255;
  return copy;
}

/** As many of the first ones as there is room for, and the room that is left. */
function fitting(records: readonly Uint8Array[], roomBytes: number): [readonly Uint8Array[], number] {
  const taken: Uint8Array[] = [];
  let left = roomBytes;
  for (const record of records) {
    if (record.length > left) break;
    left -= record.length;
    taken.push(record);
  }
  return [taken, left];
}

const total = (parts: readonly Uint8Array[]): number => parts.reduce((sum, { length }) => sum + length, 0);

/** In the network's byte order, two bytes each. */
function numbers(...values: readonly number[]): Uint8Array {
  return Uint8Array.from(values.flatMap((value) => [(value >> 8) & 255, value & 255]));
}

/** The name is the root, the class the longest UDP message that this server takes, the TTL the rest of the code and the flags. */
function optRecord({ code, extendedError }: DnsReply, { dnssecOk }: DnsEdns): Uint8Array {
  const options = extendedError === undefined ? [] : [extendedErrorOption(extendedError)];
  const flags = dnssecOk ? dnssecOkBit : 0;
  return Buffer.concat([
    new Uint8Array(1),
    numbers(dnsTypes.OPT, wireLimits.dnsUdpBytes, (code >> 4) << 8, flags, total(options)),
    ...options,
  ]);
}

const extendedErrorCode = 15;

function extendedErrorOption({ infoCode, text }: DnsExtendedError): Uint8Array {
  const words = new Uint8Array(wireLimits.dnsErrorTextBytes);
  // Only whole characters are written.
  const { written } = new TextEncoder().encodeInto(text, words);
  return Buffer.concat([numbers(extendedErrorCode, 2 + written, infoCode), words.subarray(0, written)]);
}

/** A pointer to the question's name, in the client's own letters. */
const toQuestion = numbers(0xc000 | headerBytes);

function formatRecord({ name, type, ttlSeconds, data }: DnsRecord, asked: string): Uint8Array {
  const owner = name === asked ? toQuestion : formatName(name);
  return Buffer.concat([owner, numbers(type, dnsClasses.internet, ttlSeconds >> 16, ttlSeconds, data.length), data]);
}

function formatName(name: string): Uint8Array {
  const labels = name === "" ? [] : name.split(".");
  return Buffer.concat([...labels.map(formatLabel), new Uint8Array(1)]);
}

function formatLabel(label: string): Uint8Array {
  const bytes = label.replace(/\\(\d{3})/g, (_, number: string) => String.fromCharCode(Number(number)));
  return Buffer.from(`${String.fromCharCode(bytes.length)}${bytes}`, "latin1");
}

/** The data of each kind of record that kt gives. */
export const dnsData = {
  /** Of an IPv4 address. */
  a: (address: string): Uint8Array => Uint8Array.from(address.split(".").map(Number)),
  /** Of an IPv6 address in any of its forms but the mixed one. */
  aaaa: (address: string): Uint8Array => numbers(...groupsOf(address)),
  ptr: (name: string): Uint8Array => formatName(name),
  srv: (port: number, host: string): Uint8Array => Buffer.concat([numbers(0, 0, port), formatName(host)]),
  /** `negativeSeconds`: how long a resolver may remember that a name is not there (RFC 2308 §4). */
  soa: (zone: string, negativeSeconds: number): Uint8Array =>
    Buffer.concat([
      formatName(`ns.${zone}`),
      formatName(`kt.${zone}`),
      numbers(0, 1, 0, 60, 0, 60, 0, 60, negativeSeconds >> 16, negativeSeconds),
    ]),
} as const;

function groupsOf(address: string): number[] {
  const [head = "", tail] = address.split("::");
  const read = (text: string): number[] => (text === "" ? [] : text.split(":").map((group) => Number.parseInt(group, 16)));
  const [before, after] = [read(head), read(tail ?? "")];
  const zeros = tail === undefined ? 0 : 8 - before.length - after.length;
  return [...before, ...Array<number>(zeros).fill(0), ...after];
}
