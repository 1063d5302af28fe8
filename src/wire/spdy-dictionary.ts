/** The dictionary that SPDY/3 presets for its headers' zlib stream, as draft 3 §2.6.10.1 lists it. */

import { ByteWriter } from "./writer.ts";

/** Written as header blocks write them: a 32-bit length, then the word. */
const words = [
  "options head post put delete trace accept accept-charset accept-encoding accept-language accept-ranges age allow",
  "authorization cache-control connection content-base content-encoding content-language content-length content-location",
  "content-md5 content-range content-type date etag expect expires from host if-match if-modified-since if-none-match",
  "if-range if-unmodified-since last-modified location max-forwards pragma proxy-authenticate proxy-authorization range",
  "referer retry-after server te trailer transfer-encoding upgrade user-agent vary via warning www-authenticate method get",
  "status 200_OK version HTTP/1.1 url public set-cookie keep-alive origin",
]
  .flatMap((line) => line.split(" "))
  .map((word) => word.replace("_", " "));

/** Written one after the other, without lengths. */
const tail = [
  "100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505",
  "203 Non-Authoritative Information204 No Content301 Moved Permanently400 Bad Request401 Unauthorized403 Forbidden",
  "404 Not Found500 Internal Server Error501 Not Implemented503 Service Unavailable",
  "Jan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMT",
  "chunked,text/html,image/png,image/jpg,image/gif,application/xml,application/xhtml+xml,text/plain,text/javascript,",
  "publicprivatemax-age=gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0.",
].join("");

const utf8Encoder = new TextEncoder();

function build(): Uint8Array {
  const lengthBytes = words.reduce((sum, word) => sum + 4 + word.length, tail.length);
  const writer = new ByteWriter(lengthBytes);
  for (const word of words) writer.u32(word.length).put(utf8Encoder.encode(word));
  return writer.put(utf8Encoder.encode(tail)).finish();
}

/** 1423 bytes; their Adler-32 is 0xe3c6a7c2. */
export const spdyDictionary: Uint8Array = build();
