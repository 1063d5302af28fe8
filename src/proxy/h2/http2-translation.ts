/** HTTP/1 requests as HTTP/2 field lists, and HTTP/2 responses as HTTP/1 (RFC 9113 §8). Pure. */

import { concatBytes, emptyBytes } from "#base/bytes.ts";
import { KtError } from "#base/errors.ts";
import { BodyLength } from "#http/h2/body-length.ts";
import { isFirstHopField, isHopField, reasonPhrase } from "#http/fields.ts";
import { encodeChunk, encodeLastChunk } from "#wire/http-chunks.ts";
import { encodeHead, type Header, type RequestHead } from "#wire/http-head.ts";
import type { BackendScheme } from "#route/target.ts";
import type { H2Response } from "./heads.ts";

/** Whether a field says how HTTP/1 carries a message, or where it goes: HTTP/2 has frames and :authority for that. */
const isHttp1Only = (lower: string): boolean =>
  isHopField(lower) || isFirstHopField(lower) || lower === "transfer-encoding" || lower === "host" || lower === "te";

/** The request as a client of HTTP/2 would send it. */
export function fieldsFromHttp1(head: RequestHead, scheme: BackendScheme): Header[] {
  const fields: Header[] = [
    [":method", head.method],
    [":scheme", scheme],
    [":authority", head.host],
    [":path", head.target],
  ];
  let acceptsTrailers = false;
  for (const [name, value] of head.headers) {
    const lower = name.toLowerCase();
    if (lower === "te") acceptsTrailers ||= /(?:^|[ ,])trailers(?:$|[ ,;])/i.test(value);
    if (!isHttp1Only(lower)) fields.push([lower, value]);
  }
  return acceptsTrailers ? [...fields, ["te", "trailers"]] : fields;
}

/** One response. Its body is chunked where its length is not known, and lasts until the end for clients of HTTP/1.0. */
export class Http1Response {
  readonly #method: string;
  readonly #version: RequestHead["version"];
  #framing: "none" | "length" | "chunked" | "until-close" | undefined;
  #length = new BodyLength(undefined);
  #isComplete = false;

  constructor({ method, version }: Pick<RequestHead, "method" | "version">) {
    this.#method = method;
    this.#version = version;
  }

  get hasHead(): boolean {
    return this.#framing !== undefined;
  }

  get isComplete(): boolean {
    return this.#isComplete;
  }

  get endsWithConnection(): boolean {
    return this.#framing === "until-close";
  }

  /** An interim head or the final one. */
  head({ status, contentLength, headers }: H2Response, ended: boolean): Uint8Array {
    if (status < 200 && ended) throw new KtError("backend-invalid", "an interim head that ends the response");
    const fields = headers.filter(([name]) => name !== ":status");
    if (status >= 200) {
      this.#framing = this.#framingOf(status, contentLength, ended);
      if (this.#framing === "length") this.#length = new BodyLength(contentLength ?? 0);
      if (this.#framing === "length" && contentLength === undefined) fields.push(["content-length", "0"]);
      if (this.#framing === "chunked") fields.push(["transfer-encoding", "chunked"]);
      if (this.#framing === "until-close") fields.push(["connection", "close"]);
    }
    const head = encodeHead(`HTTP/1.1 ${status} ${reasonPhrase(status)}`, fields);
    return ended ? concatBytes([head, this.data(emptyBytes, true)]) : head;
  }

  data(bytes: Uint8Array, ended: boolean): Uint8Array {
    this.#isComplete ||= ended;
    switch (this.#framing) {
      case undefined:
        throw new KtError("backend-invalid", "a body before its head");
      case "none":
        return emptyBytes;
      case "length":
        this.#count(bytes.length, ended);
        return bytes;
      case "until-close":
        return bytes;
      case "chunked": {
        const chunk = bytes.length > 0 ? encodeChunk(bytes) : emptyBytes;
        return ended ? concatBytes([chunk, encodeLastChunk([])]) : chunk;
      }
    }
  }

  /** They end the body; a body of a known length has no place for them. */
  trailers(trailers: readonly Header[]): Uint8Array {
    if (this.#framing !== "chunked") return this.data(emptyBytes, true);
    this.#isComplete = true;
    return encodeLastChunk(trailers);
  }

  #framingOf(status: number, contentLength: number | undefined, ended: boolean): "none" | "length" | "chunked" | "until-close" {
    if (this.#method === "HEAD" || status === 204 || status === 304) return "none";
    if (ended || contentLength !== undefined) return "length";
    return this.#version === "1.0" ? "until-close" : "chunked";
  }

  #count(bytes: number, ended: boolean): void {
    if (!this.#length.add(bytes, ended)) throw new KtError("backend-invalid", "another length than its content-length");
  }
}
