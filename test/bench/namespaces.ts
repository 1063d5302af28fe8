/** How fast kt listens for whole namespaces, and what it takes: services without pods, for which nothing else is waited. */

import { sleep } from "bun";
import { listeningAt, plainServices } from "#test/support/plain-services.ts";
import { freePorts, residentBytes } from "#test/support/process.ts";
import { eventually } from "#test/support/wait.ts";
import { cpuSeconds } from "./measure.ts";
import { measureNames } from "./names.ts";
import type { Figures } from "./rows.ts";
import { withKt } from "./with-kt.ts";

const prefix = "127.61.";
const mb = 1024 * 1024;
/** Long enough for a share of a core to be told from the noise. */
const restMs = 10_000;

interface Listening {
  readonly ms: number;
  readonly megabytes: number;
  readonly pid: number;
}

async function withNamespaces(
  kubeconfig: string,
  namespaces: readonly string[],
  count: number,
  measure: (listening: Listening) => Promise<Figures>,
): Promise<Figures> {
  const [http = 0] = freePorts(1);
  const listen = `[http]\nlisten = ["127.0.0.1:${http}"]\n[addresses]\nbase = "${prefix}1.1"\n`;
  const profile = `context = "kt"\n${listen}[[forward]]\nnamespaces = ${JSON.stringify(namespaces)}\n`;
  const startedMs = performance.now();
  return await withKt(kubeconfig, profile, async ({ pid }) => {
    await eventually(`${count} listeners`, () => listeningAt(prefix).length === count, 30_000, 5);
    return await measure({ ms: performance.now() - startedMs, megabytes: residentBytes(pid) / mb, pid });
  });
}

/** The namespaces are made and removed. */
export async function measureNamespaces(kubeconfig: string, namespace: string, rounds: number): Promise<Figures[]> {
  const small = [0, 1, 2, 3].map((at) => `${namespace}-few-${at}`);
  const large = `${namespace}-many`;
  const remove = await plainServices({ ...Object.fromEntries(small.map((name) => [name, 15])), [large]: 1000 });
  try {
    const figures: Figures[] = [];
    for (let round = 0; round < rounds; round++) {
      figures.push(
        await withNamespaces(kubeconfig, small, 60, async ({ ms, megabytes }) => ({
          "60 services of 4 namespaces until every port listens": ms,
          "resident memory, 60 services listened for": megabytes,
        })),
      );
      figures.push(
        await withNamespaces(kubeconfig, [large], 1000, async ({ ms, megabytes, pid }) => {
          const before = cpuSeconds(pid);
          await sleep(restMs);
          return {
            "1,000 services of a namespace until every port listens": ms,
            "resident memory, 1,000 services listened for": megabytes,
            "1,000 services at rest": ((cpuSeconds(pid) - before) / (restMs / 1000)) * 100,
          };
        }),
      );
      figures.push(await measureNames(kubeconfig, large));
    }
    return figures;
  } finally {
    await remove();
  }
}
