/** Ports that tests write into profiles are given to one process alone. */

import { expect, test } from "bun:test";
import { spawn } from "bun";
import { freePorts } from "#test/support/process.ts";

const askForPorts = `import { freePorts } from "#test/support/process.ts"; console.log(JSON.stringify(freePorts(120))); await Bun.stdin.text();`;

test("processes that run side by side get different ones", async () => {
  const own = freePorts(120);
  const children = [1, 2].map(() => spawn([process.execPath, "-e", askForPorts], { stdin: "pipe", stdout: "pipe", cwd: import.meta.dir }));
  const others = await Promise.all(
    children.map(async ({ stdout }) => {
      const { value } = await stdout.getReader().read();
      return JSON.parse(new TextDecoder().decode(value)) as number[];
    }),
  );
  // None ends before all have theirs: the ports of one that ended are free for the next.
  for (const { stdin } of children) await stdin.end();
  const all = [...own, ...others.flat()];
  expect(all).toHaveLength(360);
  expect(new Set(all).size).toBe(360);
});
