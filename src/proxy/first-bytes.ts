/** Tells by a connection's first bytes what it speaks, waiting for as many as that takes. Pure. */

import { decodeTlsHello, type TlsHello } from "#wire/tls-hello.ts";

/** What begins a TLS record that carries a handshake (RFC 8446 §5.1). */
const tlsHandshake = 0x16;

/** RFC 9113 §3.4. */
export const h2Preface = new TextEncoder().encode("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

export type Speech = { readonly kind: "tls"; readonly hello: TlsHello } | { readonly kind: "h2" } | { readonly kind: "http1" };

/** Longest first line of another protocol that is looked for; an SSH client's has 255 at most. */
const greetingBytes = 512;
const knownMethod = /^(?:GET|HEAD|POST|PUT|DELETE|OPTIONS|PATCH|TRACE|CONNECT) /i;

/** Three words, as the preface of HTTP/2 has and other text hardly. */
const likePreface = /^[!-~]+ [!-~]+ [!-~]+$/;

/**
 * Whether a line of text came that has nothing of HTTP/1: neither its version nor a method. Who sent it does not read HTTP either,
 * and may take an answer in it for frames of its own protocol (RFC 9113 §3.4). A line with an empty one after it, as a head has,
 * is only meant if it is like a preface: others get an answer, for people who look at it.
 */
export function isForeignText(bytes: Uint8Array): boolean {
  const end = bytes.subarray(0, greetingBytes).indexOf(0x0a);
  if (end < 0) return false;
  const line = Buffer.from(bytes.buffer, bytes.byteOffset, end).toString("latin1").replace("\r", "");
  const isHead = bytes[end + 1] === 0x0a || (bytes[end + 1] === 0x0d && bytes[end + 2] === 0x0a);
  return (isHead ? likePreface : /^[\x20-\x7e]+$/).test(line) && !line.includes("HTTP/") && !knownMethod.test(line);
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
