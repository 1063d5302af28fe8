/** The network of pods and services, for a kt that runs in a pod itself: it connects to what others reach through the API server. */

import type { KtError } from "#base/errors.ts";
import { systemReason } from "#base/system-error.ts";
import type { Datagrams } from "#base/datagrams.ts";
import type { PodNetwork } from "#kube/objects/types.ts";
import { reasonOf } from "#mux/relay-reason.ts";
import { RelayStreamError } from "#mux/relay-stream.ts";
import { ConnectingConn } from "#net/connecting-conn.ts";
import { connectTcp } from "#net/tcp.ts";
import { connectUdp } from "#net/udp.ts";

/** By the system's own errors. */
const explain = (error: unknown): KtError => new RelayStreamError(reasonOf(error), systemReason(error));

const timedOut = (): Error => Object.assign(new Error("timed out"), { code: "ETIMEDOUT" });

export function podNetwork(environment: Readonly<Record<string, string | undefined>>): PodNetwork {
  return {
    // Kubernetes names a pod's machine after the pod.
    pod: environment["HOSTNAME"] ?? "kt",
    connect({ host, port }, withinMs) {
      const connect = async (signal: AbortSignal): Promise<Awaited<ReturnType<typeof connectTcp>>> => {
        const late = AbortSignal.timeout(withinMs);
        try {
          return await connectTcp({ host, port, signal: AbortSignal.any([signal, late]) });
        } catch (error) {
          throw late.aborted ? timedOut() : error;
        }
      };
      return new ConnectingConn({ connect, explain });
    },
    async openFlow(to): Promise<Datagrams> {
      try {
        return await connectUdp(to);
      } catch (error) {
        throw explain(error);
      }
    },
  };
}
