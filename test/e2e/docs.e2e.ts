/** The examples of the pages that need a real cluster: the roles that are enough, and the ways through a pod. */

import { afterAll, beforeAll, expect, test } from "bun:test";
import { allBlocks, type DocBlock } from "#test/support/doc-blocks.ts";
import { DocRunner, Words, writtenPorts } from "#test/support/doc-runner.ts";
import { deploy, kubectl, ownNamespace, pod, apply, writeKubeconfig } from "#test/support/cluster.ts";
import { binary, Home, Kt } from "#test/support/kt.ts";
import { freePorts } from "#test/support/process.ts";

const blocks = (await allBlocks()).filter(({ words, fileName }) => words.includes("e2e") || fileName?.endsWith(".yaml"));

let namespace: Awaited<ReturnType<typeof ownNamespace>>;

beforeAll(async () => {
  namespace = await ownNamespace("docs");
  await deploy(namespace.name, "web");
  await apply(pod(namespace.name, "single"));
});
afterAll(async () => await namespace?.remove());

/** Runs the blocks in a home of their own. Resolves to what went otherwise than the page says. */
async function runAll(sequence: readonly DocBlock[]): Promise<string> {
  const home = new Home();
  const words = Words.withPorts(writtenPorts, { "team-a": namespace.name });
  const runner = await DocRunner.make({ project: `${home.path}/shop`, env: home.env }, words, [binary]);
  let report = "";
  for (const block of sequence) {
    const wrong = await runner.run(block);
    if (wrong !== "") report += `${block.page}:${block.line}\n${wrong}\n`;
  }
  await home.close();
  return report;
}

/** A user of the namespace with this role and no other. */
async function userWith(role: string): Promise<string> {
  const ns = namespace.name;
  await kubectl("-n", ns, "create", "serviceaccount", role);
  await kubectl("-n", ns, "create", "rolebinding", role, `--role=${role}`, `--serviceaccount=${ns}:${role}`);
  const token = (await kubectl("-n", ns, "create", "token", role, "--duration=1h")).trim();
  return await writeKubeconfig({ kt: { namespace: ns, user: { token } } });
}

test.each([...Map.groupBy(blocks, ({ page }) => page)])("%s", async (_, sequence) => expect(await runAll(sequence)).toBe(""));

test("the Role of the recipes is enough for services and pods", async () => {
  const role = blocks.filter(({ page, fileName }) => page === "docs/recipes.md" && fileName === "role.yaml");
  expect(role.length).toBe(1);
  expect(await runAll(blocks.filter(({ page, line }) => page === "docs/recipes.md" && line >= (role[0]?.line ?? 0)))).toBe("");
  const [port = 0] = freePorts(1);
  const profile = `[http]\nlisten = ["127.0.0.1:${port}"]\n[routes]\n"web.localhost" = "svc/web:http"\n"single.localhost" = "pod/single:http"\n`;
  await using kt = await Kt.serve(port, profile, { KUBECONFIG: await userWith("kt") });
  expect((await kt.fetch("web.localhost", "/")).status).toBe(200);
  expect((await kt.fetch("single.localhost", "/")).headers.get("x-pod")).toBe("single");
});
