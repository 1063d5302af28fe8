/** `kt open` with a browser of our own. */

import { expect, test } from "bun:test";
import { chmod } from "node:fs/promises";
import { file, write } from "bun";
import { freePorts } from "#test/support/process.ts";
import { SourceHome } from "#test/support/source-home.ts";
import { eventually } from "#test/support/wait.ts";

test("opens the URL of the nearest profile's route, and says nothing where it is attached", async () => {
  await using home = await SourceHome.make();
  const [port = 0] = freePorts(1);
  await write(`${home.project}/tunnels.toml`, `[http]\nlisten = ["127.0.0.1:${port}"]\n[routes]\n"web.localhost" = "svc/web:80"\n`);
  await write(`${home.path}/browser`, `#!/bin/sh\necho "$@" > ${home.path}/opened\n`);
  await chmod(`${home.path}/browser`, 0o755);
  await home.run(["up", "-d"]);
  const url = `http://web.localhost:${port}`;
  const ran = await home.run(["open", "web.localhost"], { BROWSER: `${home.path}/browser` });
  expect(ran).toEqual({ exitCode: 0, stdout: `${url}\n`, stderr: "" });
  await eventually("the browser", async () => (await file(`${home.path}/opened`).text()) === `${url}\n`);
});

test("prints the URL all the same where no program opens it, and warns where no hub serves it", async () => {
  await using home = await SourceHome.make();
  const [port = 0] = freePorts(1);
  await write(
    `${home.project}/tunnels.toml`,
    `name = "shop"\n[http]\nlisten = ["127.0.0.1:${port}"]\n[routes]\n"web.localhost" = "svc/web:80"\n`,
  );
  const ran = await home.run(["open", "web.localhost"], { BROWSER: "missing", PATH: home.path });
  expect(ran.exitCode).toBe(1);
  expect(ran.stdout).toBe(`http://web.localhost:${port}\n`);
  expect(ran.stderr).toBe(`kt: warning: profile "shop" is not attached
kt: hint: kt up
kt: error: there is no program that opens the browser
kt: hint: export BROWSER=firefox
`);
});

test.each([
  ["wbe", "web.localhost"],
  ["http://web.localhost:8989/", "web.localhost"],
  ["localhost:5432", "5432"],
])("what is written as %s is found under its name, also of a profile elsewhere", async (asked, name) => {
  await using home = await SourceHome.make();
  await write(`${home.project}/other.toml`, 'name = "shop"\n[routes]\n"web.localhost" = "svc/web:80"\n[tcp]\n5432 = "svc/db:5432"\n');
  const { stderr, exitCode } = await home.run(["url", "-f", "other.toml", asked]);
  expect(stderr).toBe(`kt: error: profile "shop" has no route "${asked}"\nkt: hint: kt url ${name} -f ${home.project}/other.toml\n`);
  expect(exitCode).toBe(2);
});
