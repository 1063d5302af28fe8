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

test.concurrent("kt check says which settings are not the defaults, and where each is said", async () => {
  await using home = await SourceHome.make();
  await write(`${home.project}/tunnels.toml`, '[routes]\n"a.localhost" = "svc/web:80"\n[health]\ninterval = "20s"\n[retry]\nmax = 1\n');
  const env = { KT_HEALTH_INTERVAL: "15s" };
  const { stdout, exitCode } = await home.run(["check", "--set", "health.failures=5"], env);
  expect(stdout).toContain('health.interval = "15s", from KT_HEALTH_INTERVAL\n');
  expect(stdout).toContain("health.failures = 5, from --set health.failures\n");
  expect(stdout).toContain("retry.max = 1, from tunnels.toml:6:7\n");
  expect(stdout).not.toContain("the default");
  expect(exitCode).toBe(0);
  const json: { settings: object[] } = JSON.parse((await home.run(["check", "--json", "--settings"], env)).stdout);
  expect(json.settings).toContainEqual({ key: "retry.delay", value: "100ms", from: "default" });
});

test.concurrent("a variable and a --set that cannot be: what says it, and what is allowed", async () => {
  await using home = await SourceHome.make();
  await write(`${home.project}/tunnels.toml`, '[routes]\n"a.localhost" = "svc/web:80"\n');
  const env = { KT_RETRY_MAX: "often" };
  const { stderr, exitCode } = await home.run(["check", "--set", "health.interval"], env);
  expect(stderr).toContain(
    'kt: error: KT_RETRY_MAX: "max" must be a number, not the text "often"\nkt: hint: a whole number from 0 to 10\n',
  );
  expect(stderr).toContain("kt: error: --set health.interval: it is not KEY=VALUE\n");
  expect(exitCode).toBe(2);
});
