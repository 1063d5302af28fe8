/** Ports that tests write into profiles are given to one process alone. */

import { expect, test } from "bun:test";
import { spawn } from "bun";
import { freePorts } from "#test/support/process.ts";

const askForPorts = `import { freePorts } from "#test/support/process.ts"; console.log(JSON.stringify(freePorts(120))); await Bun.stdin.text();`;

test("processes that run side by side get different ones", async () => {
  const own = freePorts(120);
  const children = [1, 2].map(() => spawn([process.execPath, "-e", askForPorts], { stdin: "pipe", stdout: "pipe", cwd: import.meta.dir }));
  const others = await Promise.all(
    children.map(async ({ stdin, stdout }) => {
      const { value } = await stdout.getReader().read();
      await stdin.end();
      return JSON.parse(new TextDecoder().decode(value)) as number[];
    }),
  );
  const all = [...own, ...others.flat()];
  expect(all).toHaveLength(360);
  expect(new Set(all).size).toBe(360);
});
