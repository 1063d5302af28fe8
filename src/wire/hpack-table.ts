/** The static table of HPACK (RFC 7541 Appendix A) and its lookup for encoding. */

import type { Header } from "./http-head.ts";

/** Entry 1 is the first. */
export const staticTable: readonly Header[] = [
  [":authority", ""],
  [":method", "GET"],
  [":method", "POST"],
  [":path", "/"],
  [":path", "/index.html"],
  [":scheme", "http"],
  [":scheme", "https"],
  [":status", "200"],
  [":status", "204"],
  [":status", "206"],
  [":status", "304"],
  [":status", "400"],
  [":status", "404"],
  [":status", "500"],
  ["accept-charset", ""],
  ["accept-encoding", "gzip, deflate"],
  ["accept-language", ""],
  ["accept-ranges", ""],
  ["accept", ""],
  ["access-control-allow-origin", ""],
  ["age", ""],
  ["allow", ""],
  ["authorization", ""],
  ["cache-control", ""],
  ["content-disposition", ""],
  ["content-encoding", ""],
  ["content-language", ""],
  ["content-length", ""],
  ["content-location", ""],
  ["content-range", ""],
  ["content-type", ""],
  ["cookie", ""],
  ["date", ""],
  ["etag", ""],
  ["expect", ""],
  ["expires", ""],
  ["from", ""],
  ["host", ""],
  ["if-match", ""],
  ["if-modified-since", ""],
  ["if-none-match", ""],
  ["if-range", ""],
  ["if-unmodified-since", ""],
  ["last-modified", ""],
  ["link", ""],
  ["location", ""],
  ["max-forwards", ""],
  ["proxy-authenticate", ""],
  ["proxy-authorization", ""],
  ["range", ""],
  ["referer", ""],
  ["refresh", ""],
  ["retry-after", ""],
  ["server", ""],
  ["set-cookie", ""],
  ["strict-transport-security", ""],
  ["transfer-encoding", ""],
  ["user-agent", ""],
  ["vary", ""],
  ["via", ""],
  ["www-authenticate", ""],
];

interface NameEntry {
  /** The first index with this name. */
  readonly index: number;
  /** Indexes by value; the empty value stands for "none" and is left out. */
  readonly byValue: Map<string, number>;
}

function indexByName(): ReadonlyMap<string, NameEntry> {
  const byName = new Map<string, NameEntry>();
  for (const [position, [name, value]] of staticTable.entries()) {
    const index = position + 1;
    const entry = byName.get(name) ?? { index, byValue: new Map<string, number>() };
    if (value !== "") entry.byValue.set(value, index);
    byName.set(name, entry);
  }
  return byName;
}

/** The static table by name. */
export const staticNames: ReadonlyMap<string, NameEntry> = indexByName();
