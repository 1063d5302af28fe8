/** Asks the kubectl of the day what it makes of the odd kubeconfigs whose outcomes the unit tests hold kt against. */

import { expect, test } from "bun:test";
import { write } from "bun";
import { run } from "#test/support/cluster.ts";
import { oddKubeconfigs } from "#test/support/odd-kubeconfigs.ts";
import { tempDir } from "#test/support/temp-dir.ts";

interface Viewed {
  readonly users?: readonly { readonly user: { readonly token?: string } }[] | null;
}

/** The user's token; "" where no context can be used; or that the file is refused. */
async function outcome(path: string): Promise<string> {
  const { exitCode, stdout, stderr } = await run(["kubectl", "--kubeconfig", path, "config", "view", "--raw", "--minify", "-o", "json"]);
  if (exitCode !== 0) return stderr.includes("error loading config file") ? "refused" : "";
  const { users }: Viewed = JSON.parse(stdout);
  return users?.[0]?.user.token ?? "-";
}

test.each(oddKubeconfigs.map((odd) => [odd.name, odd] as const))("%s", async (_, { content, kubectl }) => {
  await using folder = await tempDir();
  await write(`${folder.path}/config`, content);
  expect(await outcome(`${folder.path}/config`)).toBe(kubectl);
});
