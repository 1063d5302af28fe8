/** Keeps kt busy with everything at once for minutes, and tells each minute what failed and what it costs. */

import { kubectl, namespace, podsOf, rolledOut } from "#test/support/cluster.ts";
import { descriptorCount, residentBytes } from "#test/support/process.ts";
import { load } from "./measure.ts";
import { startTunnel } from "./tunnels.ts";

const mb = 1024 * 1024;

/** Deletes a pod every minute; requests in flight on it may fail, nothing else may. Returns whether all was well. */
export async function soak(minutes: number, kubeconfig: string): Promise<boolean> {
  const tunnel = await startTunnel("kt", kubeconfig);
  const { http, echo, host, pid } = tunnel;
  const before = { resident: residentBytes(pid), descriptors: descriptorCount(pid) };
  let ok = true;
  console.log(`soak of ${minutes} minutes; at its start ${Math.round(before.resident / mb)} MB, ${before.descriptors} descriptors`);
  try {
    for (let minute = 1; minute <= minutes; minute++) {
      const until = performance.now() + 55_000;
      const counts = { ok: 0, failed: 0 };
      const again = async (mode: string, port: number, count: number, concurrency: number): Promise<void> => {
        while (performance.now() < until) {
          const result = await load(mode, port, host, count, concurrency);
          counts.ok += result.ok;
          counts.failed += result.failed;
        }
      };
      await Promise.all([
        again("newconn", http, 500, 10),
        again("tcpconn", echo, 200, 4),
        again("keepalive", http, 4_000, 8),
        again("down", http, 200_000_000, 1),
        again("up", http, 100_000_000, 1),
      ]);
      const quietFailures = counts.failed;
      const [pod = ""] = await podsOf(namespace, "bench");
      await kubectl("-n", namespace, "delete", "pod", pod, "--wait=true");
      await rolledOut(namespace, "bench");
      const healed = await load("newconn", http, host, 50);
      ok &&= quietFailures === 0 && healed.failed === 0;
      const cost = `${Math.round(residentBytes(pid) / mb)} MB, ${descriptorCount(pid)} descriptors`;
      console.log(`minute ${minute}: ${counts.ok} ok, ${quietFailures} failed; after its pod was deleted ${healed.ok} of 50; ${cost}`);
    }
  } finally {
    await tunnel.close();
  }
  return ok;
}
