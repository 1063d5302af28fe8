/** Tells by a connection's first bytes what it speaks, waiting for as many as that takes. Pure. */

import { decodeTlsHello, type TlsHello } from "#wire/tls-hello.ts";

/** What begins a TLS record that carries a handshake (RFC 8446 §5.1). */
const tlsHandshake = 0x16;

/** RFC 9113 §3.4. */
export const h2Preface = new TextEncoder().encode("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

export type Speech = { readonly kind: "tls"; readonly hello: TlsHello } | { readonly kind: "h2" } | { readonly kind: "http1" };

/** Longest first line of another protocol that is looked for; an SSH client's has 255 at most. */
const greetingBytes = 512;
/** Three words as in HTTP, of which the third names another protocol (RTSP/1.0), and the greeting of SSH (RFC 4253 §4.2). */
const foreignLine = /^(?:[!-~]+ [!-~]+ (?!HTTP)[!-~]+|SSH-[!-~]+.*)\r?$/i;

/**
 * Whether a line came that names another protocol than HTTP/1. Who sent it does not read HTTP either, and may take an answer in it
 * for frames of its own protocol (RFC 9113 §3.4).
 */
export function isForeignText(bytes: Uint8Array): boolean {
  const end = bytes.subarray(0, greetingBytes).indexOf(0x0a);
  return end >= 0 && foreignLine.test(Buffer.from(bytes.buffer, bytes.byteOffset, end).toString("latin1"));
}

/** Throws KtError `protocol` for what begins like TLS and is not. */
export function recognise(bytes: Uint8Array): Speech | "short" {
  if (bytes.length === 0) return "short";
  if (bytes[0] === tlsHandshake) {
    const hello = decodeTlsHello(bytes);
    return hello === "short" ? "short" : { kind: "tls", hello };
  }
  const length = Math.min(bytes.length, h2Preface.length);
  for (let index = 0; index < length; index++) if (bytes[index] !== h2Preface[index]) return { kind: "http1" };
  return length === h2Preface.length ? { kind: "h2" } : "short";
}
