/** Makes the connection that a stream asks for, and joins the two. */

import type { Clock } from "#base/clock.ts";
import { RelayFlow } from "#mux/relay-flow.ts";
import { reasonOf } from "#mux/relay-reason.ts";
import type { RelayStream } from "#mux/relay-stream.ts";
import { splice } from "#net/splice.ts";
import { connectUdp } from "#net/udp.ts";
import { systemReason } from "#base/system-error.ts";
import { connectTcp } from "#net/tcp.ts";
import type { RelayAddress } from "#wire/relay-frame.ts";
import { dial } from "./dial.ts";

const uncounted = { add() {} };

export function serveChannel(channel: RelayStream | RelayFlow, to: RelayAddress, clock: Clock): void {
  void (channel instanceof RelayFlow ? connectFlow(channel, to) : connectStream(channel, to, clock));
}

async function connectFlow(flow: RelayFlow, to: RelayAddress): Promise<void> {
  try {
    const socket = await connectUdp(to);
    flow.accept();
    socket.start({
      onDatagram: (payload) => flow.send(payload),
      onUnreachable: (error) => flow.report(reasonOf(error.cause), systemReason(error.cause)),
      onClose: () => flow.close(),
    });
    flow.start({ onDatagram: (payload) => socket.send(payload), onUnreachable() {}, onClose: () => socket.close() });
  } catch (error) {
    flow.refuse(reasonOf(error), systemReason(error));
  }
}

async function connectStream(stream: RelayStream, to: RelayAddress, clock: Clock): Promise<void> {
  try {
    const conn = await dial(to, connectTcp, clock);
    stream.accept();
    splice(stream, conn, uncounted, () => {});
  } catch (error) {
    stream.refuse(reasonOf(error), systemReason(error));
  }
}
