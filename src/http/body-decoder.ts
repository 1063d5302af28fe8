/** Takes the body of an HTTP/1 response out of its framing as it arrives (RFC 9112 §6, §7.1). */

import { concatBytes } from "#base/bytes.ts";
import { KtError } from "#base/errors.ts";
import { wireLimits } from "#wire/limits.ts";
import type { Framing } from "#wire/http-head.ts";
import { trimOws } from "#wire/ows.ts";

type Position =
  | { readonly kind: "data" }
  /** A chunk's size, the CRLF after a chunk, or a trailer line: collected until its LF. */
  | { readonly kind: "line"; readonly of: "size" | "chunk-end" | "trailer"; readonly parts: Uint8Array[] }
  | { readonly kind: "done" };

const lf = 10;

export class BodyDecoder {
  readonly #onData: (bytes: Uint8Array) => void;
  readonly #framing: Framing;
  #position: Position;
  /** Bytes of data left in the body or the chunk. */
  #leftBytes: number;

  constructor(framing: Framing, onData: (bytes: Uint8Array) => void) {
    this.#framing = framing;
    this.#onData = onData;
    this.#leftBytes = framing.kind === "length" ? framing.bytes : Number.POSITIVE_INFINITY;
    const chunked = framing.kind === "chunked";
    this.#position = framing.kind === "none" ? { kind: "done" } : chunked ? line("size") : { kind: "data" };
  }

  get done(): boolean {
    return this.#position.kind === "done";
  }

  /** Takes the next bytes of the connection; what follows the body is dropped. Throws KtError `cluster-error`. */
  push(bytes: Uint8Array): void {
    let at = 0;
    while (at < bytes.length && !this.done) at = this.#position.kind === "line" ? this.#takeLine(bytes, at) : this.#takeData(bytes, at);
  }

  /** Told that the connection has ended: false when the body was cut short. */
  end(): boolean {
    return this.done || this.#framing.kind === "until-close";
  }

  #takeData(bytes: Uint8Array, at: number): number {
    const next = Math.min(bytes.length, at + this.#leftBytes);
    this.#leftBytes -= next - at;
    if (this.#leftBytes === 0) this.#position = this.#framing.kind === "chunked" ? line("chunk-end") : { kind: "done" };
    this.#onData(bytes.subarray(at, next));
    return next;
  }

  #takeLine(bytes: Uint8Array, at: number): number {
    if (this.#position.kind !== "line") return at;
    const { of, parts } = this.#position;
    const end = bytes.indexOf(lf, at);
    const next = end < 0 ? bytes.length : end + 1;
    parts.push(bytes.slice(at, next));
    const lengthBytes = parts.reduce((sum, part) => sum + part.length, 0);
    if (lengthBytes > wireLimits.httpChunkLineBytes) throw new KtError("cluster-error", "the answer's chunk framing has an endless line");
    if (end >= 0) this.#position = this.#afterLine(of, lineText(concatBytes(parts)));
    return next;
  }

  #afterLine(of: "size" | "chunk-end" | "trailer", text: string): Position {
    if (of === "trailer") return text === "" ? { kind: "done" } : line("trailer");
    if (of === "chunk-end") return line("size");
    const digits = /^[0-9a-f]{1,12}(?=$|[ \t;])/i.exec(text)?.[0];
    if (digits === undefined) throw new KtError("cluster-error", "the answer's chunk framing has no size");
    this.#leftBytes = Number.parseInt(digits, 16);
    return this.#leftBytes === 0 ? line("trailer") : { kind: "data" };
  }
}

/** Without its end; what else String.trim takes off is no white space in HTTP. */
const lineText = (bytes: Uint8Array): string =>
  trimOws(
    Buffer.from(bytes)
      .toString("latin1")
      .replace(/\r?\n$/, ""),
  );

const line = (of: "size" | "chunk-end" | "trailer"): Position => ({ kind: "line", of, parts: [] });
