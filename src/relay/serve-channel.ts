/** Makes the connection that a stream asks for, and joins the two. */

import type { Clock } from "#base/clock.ts";
import { KtError } from "#base/errors.ts";
import { RelayFlow } from "#mux/relay-flow.ts";
import type { RelayStream } from "#mux/relay-stream.ts";
import { splice } from "#net/splice.ts";
import { connectTcp, systemCode, systemReason } from "#net/tcp.ts";
import type { RelayAddress, RelayReason } from "#wire/relay-frame.ts";
import { relayLimits } from "./limits.ts";

const uncounted = { add() {} };

/** By the system's code of what went wrong; any other is `unreachable`. */
const reasons: Readonly<Record<string, RelayReason>> = {
  ECONNREFUSED: "refused",
  ENOTFOUND: "not-found",
  EAI_AGAIN: "not-found",
  ECONNRESET: "lost",
  EMFILE: "overloaded",
  ENFILE: "overloaded",
};

export function serveChannel(channel: RelayStream | RelayFlow, to: RelayAddress, clock: Clock): void {
  if (channel instanceof RelayFlow) channel.refuse("unreachable", "UDP is not served yet");
  else void connectStream(channel, to, clock);
}

async function connectStream(stream: RelayStream, { host, port }: RelayAddress, clock: Clock): Promise<void> {
  const late = new AbortController();
  const cancel = clock.after(relayLimits.connectMs, () => late.abort(new KtError("target-unreachable", "timed out")));
  try {
    const conn = await connectTcp({ host, port, signal: late.signal });
    stream.accept();
    splice(stream, conn, uncounted, () => {});
  } catch (error) {
    const code = systemCode(error);
    stream.refuse((code === undefined ? undefined : reasons[code]) ?? "unreachable", systemReason(error));
  } finally {
    cancel();
  }
}
