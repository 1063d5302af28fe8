/** A DNS client for tests: asks by UDP or TCP, and reads what came back. */

import { ByteQueue } from "#base/bytes.ts";
import { connectTcp } from "#net/tcp.ts";
import { connectUdp } from "#net/udp.ts";
import { dnsData } from "#wire/dns-message.ts";

export const types = { A: 1, SOA: 6, PTR: 12, TXT: 16, AAAA: 28, SRV: 33, OPT: 41, ANY: 255 } as const;
export type TypeName = keyof typeof types;

export interface Answer {
  readonly id: number;
  readonly code: number;
  readonly isAuthoritative: boolean;
  readonly isTruncated: boolean;
  readonly bytes: Uint8Array;
  /** As `NAME TTL TYPE DATA`. */
  readonly answers: readonly string[];
  readonly authorities: readonly string[];
  readonly additionals: readonly string[];
}

/** As resolvers send them. */
export function formatDnsQuery(id: number, { name, type }: { readonly name: string; readonly type: number }): Uint8Array {
  return Uint8Array.from([id >> 8, id & 255, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, ...dnsData.ptr(name), type >> 8, type & 255, 0, 1]);
}

/** `payloadBytes` adds EDNS. */
export function query(name: string, type: TypeName = "A", payloadBytes?: number): Uint8Array {
  const bare = formatDnsQuery(0x1234, { name, type: types[type] });
  if (payloadBytes === undefined) return bare;
  const bytes = Uint8Array.from([...bare, 0, 0, 41, payloadBytes >> 8, payloadBytes & 255, 0, 0, 0, 0, 0, 0]);
  bytes[11] = 1;
  return bytes;
}

export async function askUdp(port: number, message: Uint8Array): Promise<Answer> {
  const socket = await connectUdp({ host: "127.0.0.1", port });
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
  socket.start({ onDatagram: resolve, onUnreachable: reject, onClose() {} });
  socket.send(message);
  try {
    return readAnswer(await promise);
  } finally {
    socket.close();
  }
}

/** Sends all at once, and resolves to the answers in the order of their coming. */
export async function askTcp(port: number, ...messages: readonly Uint8Array[]): Promise<Answer[]> {
  const conn = await connectTcp({ host: "127.0.0.1", port, signal: AbortSignal.timeout(10_000) });
  const [queue, answers] = [new ByteQueue(), [] as Answer[]];
  const { promise, resolve, reject } = Promise.withResolvers<Answer[]>();
  conn.start({
    onData(bytes) {
      queue.push(bytes);
      for (;;) {
        const [high = 0, low = 0] = queue.peek();
        if (queue.length < 2 || queue.length < 2 + high * 256 + low) break;
        answers.push(readAnswer(queue.take(2 + high * 256 + low).subarray(2)));
      }
      if (answers.length === messages.length) resolve(answers);
    },
    onEnd: () => reject(new Error("the server ended the connection")),
    onDrain() {},
    onClose: () => reject(new Error("the connection was closed")),
  });
  conn.write(Uint8Array.from(messages.flatMap((message) => [message.length >> 8, message.length & 255, ...message])));
  try {
    return await promise;
  } finally {
    conn.abort();
  }
}

export function readAnswer(bytes: Uint8Array): Answer {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const flags = view.getUint16(2);
  let at = 12;
  for (let left = view.getUint16(4); left > 0; left--) at = readName(bytes, at).next + 4;
  const section = (count: number): string[] =>
    Array.from({ length: count }, () => {
      const { text, next } = readRecord(bytes, view, at);
      at = next;
      return text;
    });
  const [answers, authorities, additionals] = [6, 8, 10].map((offset) => section(view.getUint16(offset)));
  return {
    id: view.getUint16(0),
    code: flags & 15,
    isAuthoritative: (flags & 0x400) !== 0,
    isTruncated: (flags & 0x200) !== 0,
    bytes,
    answers: answers ?? [],
    authorities: authorities ?? [],
    additionals: additionals ?? [],
  };
}

function readName(bytes: Uint8Array, from: number): { readonly text: string; readonly next: number } {
  const labels: string[] = [];
  let next: number | undefined;
  for (let at = from; ; ) {
    const length = bytes[at] ?? 0;
    if (length >= 0xc0) {
      next ??= at + 2;
      at = ((length & 0x3f) << 8) | (bytes[at + 1] ?? 0);
      continue;
    }
    if (length === 0) return { text: labels.join("."), next: next ?? at + 1 };
    labels.push(new TextDecoder().decode(bytes.subarray(at + 1, at + 1 + length)));
    at += 1 + length;
  }
}

function readRecord(bytes: Uint8Array, view: DataView, at: number): { readonly text: string; readonly next: number } {
  const name = readName(bytes, at);
  const [type, ttl, length] = [view.getUint16(name.next), view.getUint32(name.next + 4), view.getUint16(name.next + 8)];
  const data = name.next + 10;
  const typeName = Object.entries(types).find(([, number]) => number === type)?.[0] ?? String(type);
  const text =
    type === types.OPT
      ? `OPT ${view.getUint16(name.next + 2)}`
      : `${name.text} ${ttl} ${typeName} ${readData(bytes, view, type, data, length)}`;
  return { text, next: data + length };
}

function readData(bytes: Uint8Array, view: DataView, type: number, at: number, length: number): string {
  if (type === types.A) return bytes.subarray(at, at + 4).join(".");
  if (type === types.AAAA) return Array.from({ length: 8 }, (_, index) => view.getUint16(at + index * 2).toString(16)).join(":");
  if (type === types.PTR) return readName(bytes, at).text;
  if (type === types.SRV) return `${view.getUint16(at + 4)} ${readName(bytes, at + 6).text}`;
  if (type !== types.SOA) return Buffer.from(bytes.subarray(at, at + length)).toString("hex");
  const [master, mail] = [readName(bytes, at), readName(bytes, readName(bytes, at).next)];
  return `${master.text} ${mail.text} ${view.getUint32(mail.next + 16)}`;
}
