/** Frames one datagram of a session, as an edge or an uplink does with a head that it keeps. */

import { encodeSessionHead, frameData, type SessionTo } from "#wire/uplink-frame.ts";

export function encodeData(to: SessionTo, payload: Uint8Array): Uint8Array[] {
  return frameData(encodeSessionHead(to), payload);
}
