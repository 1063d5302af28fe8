/** Runs the operator until it is asked to end: leads first where several may run, and stops at once where it leads no longer. */

import type { ObjectName } from "#expose/resources/read-objects.ts";
import { Api } from "#kube/api/api.ts";
import { ContextSource, type ContextSourceOptions } from "#kube/api/context-source.ts";
import type { UplinkImage } from "#operator/desired/uplink-pod.ts";
import { ktBinary } from "#operator/host/wanted/kt-binary.ts";
import { Leader } from "#operator/lead/leader.ts";
import { askOverTcp } from "#operator/node/read-edge.ts";
import { openHost } from "./open-host.ts";
import { Operator } from "./operator.ts";

export interface RunOptions {
  readonly source: ContextSourceOptions;
  readonly image: UplinkImage;
  /** The path of the program that is put on hosts. */
  readonly binary: string;
  /** Of the EdgeNodes; default: all. */
  readonly namespace: string | undefined;
  /** Undefined: it is alone. */
  readonly lease: ObjectName | undefined;
  /** Of this process, and of no other one. */
  readonly identity: string;
  /** Aborts to end it. */
  readonly signal: AbortSignal;
}

/** Resolves when it has ended: "ended" as asked, "lost" where another one may lead now. Rejects where it cannot begin. */
export async function runOperator(options: RunOptions): Promise<"ended" | "lost"> {
  const { source, lease, identity, signal, binary } = options;
  const { clock, log } = source;
  const program = await ktBinary(binary);
  const context = new ContextSource(source, () => {});
  const newApi = (): Api => new Api({ connection: () => context.connection(), clock, onReachable() {} });
  // Of its own: a renewal must not wait behind a hundred other requests.
  const leader = lease && new Leader({ api: newApi(), lease, identity, clock, log });
  try {
    await leader?.acquire(signal);
  } catch (error) {
    if (signal.aborted) return "ended";
    throw error;
  }
  const { image, namespace } = options;
  const operator = new Operator({ api: newApi(), namespace, image, openHost: openHost(program), askUplink: askOverTcp(clock), clock, log });
  void operator.start();
  try {
    const lost = await (leader === undefined ? aborted(signal) : leader.keep(signal));
    if (lost === undefined) return "ended";
    log("error", "lease-lost", { reason: lost });
    return "lost";
  } finally {
    operator.stop();
    if (signal.aborted) await leader?.release();
  }
}

async function aborted(signal: AbortSignal): Promise<undefined> {
  if (signal.aborted) return undefined;
  await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
  return undefined;
}
