/** `kt check --json` says what it found as JSON, whatever that is. */

import { expect, test } from "bun:test";
import { write } from "bun";
import { SourceHome } from "#test/support/source-home.ts";

test.concurrent("kt check --json without a profile says so in JSON", async () => {
  await using home = await SourceHome.make();
  const { stdout, exitCode } = await home.run(["check", "--json"]);
  expect(exitCode).toBe(2);
  expect(JSON.parse(stdout)).toMatchObject({ ok: false, problems: [{ code: "profile-not-found" }] });
});

test.concurrent("kt check --json lists every problem with its place", async () => {
  await using home = await SourceHome.make();
  await write(`${home.project}/tunnels.toml`, '[routes]\n"a.localhost" = "svc/web"\n"b_c" = "svc/web:80"\n[tcp]\n70000 = "svc/web:80"\n');
  const { stdout, exitCode } = await home.run(["check", "--json"]);
  expect(exitCode).toBe(2);
  const { problems }: { problems: { line: number }[] } = JSON.parse(stdout);
  expect(problems.map(({ line }) => line)).toEqual([2, 5]);
});

test.concurrent("an empty name of a file is none", async () => {
  await using home = await SourceHome.make();
  const { stderr, exitCode } = await home.run(["check", "-f", ""]);
  expect(stderr).toBe("kt: error: --file needs a value\nkt: hint: kt check --help\n");
  expect(exitCode).toBe(2);
});
