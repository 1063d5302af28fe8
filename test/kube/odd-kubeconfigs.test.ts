/** Tests that kubeconfigs as kubectl takes them lead to the same server, namespace and user, and that others are refused with words. */

import { expect, test } from "bun:test";
import { write } from "bun";
import { systemClock } from "#base/clock.ts";
import { silentLog } from "#base/log.ts";
import { openCluster } from "#kube/kube-cluster.ts";
import { loadContext } from "#kube/api/context-source.ts";
import { FileCache } from "#kube/config/files.ts";
import { KtError } from "#base/errors.ts";
import { oddKubeconfigs } from "#test/support/odd-kubeconfigs.ts";
import { tempDir } from "#test/support/temp-dir.ts";

/** Server, namespace and token; or why not. */
function outcome(path: string): string {
  const which = { kubeconfig: [path], context: undefined, environment: {} };
  try {
    const { cluster, namespace, user } = loadContext(which, new FileCache());
    openCluster({ ...which, clock: systemClock, log: silentLog, onReachable: () => {} }).close();
    return `${cluster.server} ${namespace} ${user?.token ?? "-"}`;
  } catch (error) {
    if (error instanceof KtError) return error.message;
    throw error;
  }
}

test.each(oddKubeconfigs.map((odd) => [odd.name, odd] as const))("%s", async (_, { content, kt }) => {
  await using folder = await tempDir();
  await write(`${folder.path}/config`, content);
  const told = outcome(`${folder.path}/config`);
  if (kt.startsWith("http")) expect(told).toBe(kt);
  else expect(told).toContain(kt);
});

test("there are fifty and more", () => {
  expect(oddKubeconfigs.length).toBeGreaterThan(100);
  expect(new Set(oddKubeconfigs.map(({ name }) => name)).size).toBe(oddKubeconfigs.length);
});
