/** The limits of what is read from the wire, each with its unit and its reason. */

import { kib, mib } from "#base/units.ts";

export const wireLimits = {
  /** Longest DNS reply by UDP to a client that does not say more (RFC 1035 §4.2.1), */
  dnsPlainBytes: 512,
  /** and to one that does: no datagram of it is split on the way (RFC 9715). */
  dnsUdpBytes: 1232,
  /** Longest words of an extended error: with the longest question they still fit a reply of 512 bytes. */
  dnsErrorTextBytes: 200,
  /** Longest TLS ClientHello we collect before routing; real ones with post-quantum key shares and many extensions stay under 16 KiB. */
  tlsHelloBytes: 64 * kib,
  /** Longest HTTP/1 request or response head; what servers such as nginx and Go accept lies between 8 KiB and 1 MiB. */
  httpHeadBytes: 256 * kib,
  /** Longest line of a chunked body that says a chunk's size; extensions are hardly ever used, and never long. */
  httpChunkLineBytes: 4 * kib,
  /** Longest decoded HTTP/2 header list (SETTINGS_MAX_HEADER_LIST_SIZE). */
  h2HeaderListBytes: 256 * kib,
  /** Settings in one SETTINGS frame: there are some ten identifiers, and nghttp2 takes as many. */
  h2SettingsPerFrame: 32,
  /** Fields of one HTTP/2 header list: a byte can name one, and each costs as much as a whole line of HTTP/1. Servers take 100 to 2000. */
  h2HeaderFields: 1000,
  /** How much of a header list past its limits is still read, for the sake of a 431; a block that holds more ends its connection. */
  h2OversizedListBytes: 1 * mib,
  /** Longest SPDY control frame we accept; kubelet's are under 1 KiB. */
  spdyControlFrameBytes: 64 * kib,
} as const;
