/** How fast data frames are decoded and encoded: the cost that SPDY and WebSocket framing add to every byte. */

import { bench, do_not_optimize, run, summary } from "mitata";
import { SpdySession } from "#mux/session.ts";
import { SpdyDecoder } from "#wire/spdy-decoder.ts";
import { frameHeaderBytes, writeDataHeader } from "#wire/spdy-frame.ts";
import { streamHeaders } from "#wire/portforward.ts";
import { WsDecoder } from "#wire/ws-decoder.ts";
import { encodeWsFrame, wsOpcodes } from "#wire/ws-frame.ts";

const frameBytes = 32 * 1024;
const chunkBytes = 512 * 1024;

/** What a socket delivers: 32 KiB data frames, as spdystream sends them, without regard to where a chunk ends. */
function stream(count: number): Uint8Array {
  const wire = new Uint8Array(count * (frameHeaderBytes + frameBytes));
  for (let frame = 0; frame < count; frame++) writeDataHeader(wire, frame * (frameHeaderBytes + frameBytes), 1, frameBytes, false);
  return wire;
}

function chunks(wire: Uint8Array): Uint8Array[] {
  return Array.from({ length: Math.ceil(wire.length / chunkBytes) }, (_, at) => wire.subarray(at * chunkBytes, (at + 1) * chunkBytes));
}

const wire = stream(512);
const spdyChunks = chunks(wire);
const payload = new Uint8Array(chunkBytes);
const webSocketChunks = chunks(encodeWsFrame(wsOpcodes.binary, [new Uint8Array(16 * 1024 * 1024)]));
const ignore = (): void => {};

summary(() => {
  bench("decode 16 MiB of SPDY data frames, 512 KiB at a time", () => {
    let passed = 0;
    const decoder = new SpdyDecoder({ onControl: ignore, onData: (_, bytes) => (passed += bytes.length) });
    for (const chunk of spdyChunks) decoder.decode(chunk);
    return do_not_optimize(passed);
  });

  bench("receive them in a session, as events", () => {
    const session = new SpdySession({ role: "client" });
    session.open(streamHeaders("data", 80, "0"));
    let passed = 0;
    for (const chunk of spdyChunks) {
      session.receive(chunk, (event) => {
        if (event.type === "data") passed += event.bytes.length;
      });
    }
    return do_not_optimize(passed);
  });

  bench("encode 16 MiB in a session, 512 KiB at a time", () => {
    const session = new SpdySession({ role: "client" });
    const id = session.open(streamHeaders("data", 80, "0"));
    let passed = 0;
    for (let sent = 0; sent < 32; sent++) {
      session.write(id, payload);
      passed += session.take().length;
    }
    return do_not_optimize(passed);
  });

  bench("decode 16 MiB of unmasked WebSocket payload, 512 KiB at a time", () => {
    let passed = 0;
    const decoder = new WsDecoder("client", {
      onMessage: (_, bytes) => (passed += bytes.length),
      onPing: ignore,
      onPong: ignore,
      onClose: ignore,
    });
    for (const chunk of webSocketChunks) decoder.decode(chunk);
    return do_not_optimize(passed);
  });

  bench("encode 16 MiB of masked WebSocket frames, 512 KiB at a time", () => {
    let passed = 0;
    for (let sent = 0; sent < 32; sent++) passed += encodeWsFrame(wsOpcodes.binary, [payload], { mask: 0x12345678 + sent }).length;
    return do_not_optimize(passed);
  });
});

await run();
