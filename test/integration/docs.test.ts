/** Runs the examples of the pages against the embedded Kubernetes API, each page from top to bottom. */

import { afterAll, describe, expect, test } from "bun:test";
import { writeFile } from "node:fs/promises";
import { listen } from "bun";
import { allBlocks, type DocBlock, isShell, root } from "#test/support/doc-blocks.ts";
import { startDocCluster } from "#test/support/doc-cluster.ts";
import { DocRunner, Words, writtenPorts } from "#test/support/doc-runner.ts";
import { SourceHome } from "#test/support/source-home.ts";

const blocks = (await allBlocks()).filter((block) => isShell(block) || block.fileName !== undefined);
const skipped = blocks.filter(({ skip }) => skip !== undefined);
const run = blocks.filter(({ skip, words }) => skip === undefined && !words.includes("e2e"));
const reference = "docs/commands.md";

/** What the examples of the reference find in their folder. */
const project: Readonly<Record<string, string>> = {
  "tunnels.toml": `[routes]
"grafana.localhost" = "monitoring/svc/grafana:http"
[tcp]
5432 = "databases/svc/postgresql:5432"
3306 = "databases/svc/mysql:3306"
6379 = "databases/svc/redis:6379"
[env]
DATABASE_URL = "redis://\${tcp.6379.address}"
`,
  "shop/tunnels.toml": `[routes]
"web.localhost" = "shop/svc/web:http"
[tcp]
5433 = "databases/svc/postgresql:5432"
[env]
PGHOST = "localhost"
PGPORT = "\${tcp.5433.port}"
`,
  "edge/tunnels.toml": `[http]\nlisten = "0.0.0.0:8989"\nexpose = true\n[routes]\n"web.example.com" = "shop/svc/web:http"\n`,
  "billing/tunnels.toml": `[routes]\n"invoices.localhost" = "billing/svc/invoices:http"\n`,
};

/** Held here, so that of several demos at the same time none takes what another was about to take. */
const wantedByDemo = [8989, 7000].flatMap((port) => {
  try {
    return listen({ hostname: "127.0.0.1", port, socket: { data() {} } });
  } catch {
    return [];
  }
});
afterAll(() => {
  for (const listener of wantedByDemo) listener.stop(true);
});

/** Runs the blocks in one home, beside these files. */
async function runAll(sequence: readonly DocBlock[], files: Readonly<Record<string, string>>): Promise<string> {
  const home = await SourceHome.make();
  const shop = `${home.path}/shop`;
  const words = Words.withPorts(writtenPorts, { "/home/me/shop": shop });
  const cluster = startDocCluster((written) => words.port(written));
  try {
    const kubeconfig = `${home.path}/kubeconfig`;
    await writeFile(kubeconfig, cluster.kubeconfig);
    const machine = { project: shop, env: { ...home.env, KUBECONFIG: kubeconfig } };
    const runner = await DocRunner.make(machine, words, [process.execPath, `${root}src/main.ts`]);
    for (const [name, text] of Object.entries(files)) await runner.write(name, text);
    let report = "";
    for (const block of sequence) {
      const wrong = await runner.run(block);
      if (wrong !== "") report += `${block.page}:${block.line}\n${wrong}\n`;
    }
    return report;
  } finally {
    await home[Symbol.asyncDispose]();
    cluster.close();
  }
}

describe("every example runs as it is written:", () => {
  const pages = Map.groupBy(run, ({ page }) => page);
  pages.delete(reference);

  test.concurrent.each([...pages])("%s", async (_, sequence) => expect(await runAll(sequence, {})).toBe(""), 120_000);

  const examples = run.filter(({ page }) => page === reference).map((block) => [block.text.trimEnd(), block] as const);
  test.concurrent.each(examples)("%s", async (_, block) => expect(await runAll([block], project)).toBe(""), 30_000);
});

describe("not run:", () => {
  for (const { page, line, skip } of skipped) test.skip(`${page}:${line}: ${skip}`, () => {});
});

describe("an example that does not run", () => {
  const block = (language: string, text: string, ...words: string[]): DocBlock => ({
    page: "x.md",
    line: 1,
    language,
    words,
    skip: undefined,
    text,
    fileName: undefined,
  });

  test.concurrent.each([
    ["a command that fails", block("sh", "kt url nothing\n"), "ended with 2"],
    ["other output", block("console", "$ kt url 5432\nlocalhost:1\n"), "$ kt url 5432\nlocalhost:5432\n"],
    ["a command that shows something else", block("console", "$ kt up\nnothing\n", "stays"), "$ kt up\n"],
  ] as const)("is noticed: %s", async (_, wrong, report) => expect(await runAll([wrong], project)).toContain(report), 30_000);
});
