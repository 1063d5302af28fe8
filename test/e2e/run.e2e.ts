/** `kt run` on a real cluster: commands that succeed, fail and are interrupted, two at once, and nothing left behind. */

import { afterAll, beforeEach, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { namespace } from "#test/support/cluster.ts";
import { binary, Home, type KtProcess } from "#test/support/kt.ts";
import { freePorts } from "#test/support/process.ts";
import { noTerminal, Terminal } from "#test/support/terminal.ts";
import { eventually } from "#test/support/wait.ts";

const home = new Home();
let port: number;
let echoPort: number;

beforeEach(() => {
  [port = 0, echoPort = 0] = freePorts(2);
  // The route to nothing is none of those that [env] speaks of.
  home.write(
    "tunnels.toml",
    `namespace = "${namespace}"
[http]
listen = ["127.0.0.1:${port}"]
[routes]
"web.localhost" = "svc/web:http"
"none.localhost" = "svc/none:80"
[tcp]
"127.0.0.1:${echoPort}" = "svc/web:echo"
[env]
WEB_URL = "http://\${routes.web.localhost.address}"
ECHO_PORT = "\${tcp.127.0.0.1:${echoPort}.port}"
`,
  );
});
afterAll(async () => await home.close());

/** A program that asks the route that its environment names, and resolves no name under .localhost on a plain system. */
const asking = `const { status, headers } = await fetch(process.env.WEB_URL);
console.log(status, headers.get("x-pod"));`;

/** Says what it gets, until it gets a signal to end. */
const waiting = `trap 'echo got INT; exit 7' INT; trap 'echo got TERM; exit 8' TERM; echo running; while :; do sleep 0.05; done`;

function running(started: KtProcess): Promise<boolean> {
  return eventually("the command", () => started.output.includes("running"));
}

function hubEnds(): Promise<boolean> {
  return eventually("the hub to end", () => home.pids().length === 0, 5_000);
}

test("a command reaches its routes, and nothing is left", async () => {
  writeFileSync(`${home.path}/project/ask.mjs`, asking);
  const ran = await home.run(["run", "node", "ask.mjs"]);
  expect(ran).toMatchObject({ exitCode: 0, stderr: "" });
  expect(ran.stdout).toMatch(/^200 web/);
  await hubEnds();
});

test("a command that fails fails kt, with its own exit code and words", async () => {
  expect(await home.run(["run", "--", "sh", "-c", "echo no >&2; exit 9"])).toEqual({ exitCode: 9, stdout: "", stderr: "no\n" });
  await hubEnds();
});

test("SIGTERM to kt is the command's", async () => {
  const started = home.start(["run", "sh", "-c", waiting]);
  await running(started);
  started.kill("SIGTERM");
  expect(await started.exited).toBe(8);
  expect(started.output).toBe("running\ngot TERM\n");
  await hubEnds();
});

test.skipIf(noTerminal !== undefined)("Ctrl-C in a terminal reaches the command once, and kt ends as it does", async () => {
  const terminal = Terminal.open(home.path, `${binary} run sh -c "${waiting}"`, { cwd: `${home.path}/project`, env: home.env });
  try {
    await terminal.sees("running");
    terminal.press("C-c");
    const screen = await terminal.sees("[exit 7]");
    expect(screen.match(/got INT/g)).toHaveLength(1);
  } finally {
    terminal[Symbol.dispose]();
  }
  await hubEnds();
});

test("two at once on one profile: the first to end leaves the other its routes", async () => {
  writeFileSync(`${home.path}/project/ask.mjs`, asking);
  const long = home.start(["run", "sh", "-c", waiting]);
  await running(long);
  expect((await home.run(["run", "node", "ask.mjs"])).exitCode).toBe(0);
  const response = await fetch(`http://127.0.0.1:${port}/`, { headers: { Host: "web.localhost" }, keepalive: false });
  expect(response.status).toBe(200);
  long.kill("SIGTERM");
  expect(await long.exited).toBe(8);
  await hubEnds();
});

test("a route that never becomes ready is reported, with 3, and nothing runs", async () => {
  const reasons = { none: /not ready: .*"none"/, unready: /not ready: .*unready/, zero: /not ready: .*zero/ };
  for (const [service, reason] of Object.entries(reasons)) {
    const path = home.write(
      "short.toml",
      `start_timeout = "2s"\nnamespace = "${namespace}"\n[http]\nlisten = ["127.0.0.1:${port}"]\n[routes]\n"gone.localhost" = "svc/${service}:80"\n`,
    );
    const ran = await home.run(["run", "-f", path, "echo", "ran"]);
    expect(ran).toMatchObject({ exitCode: 3, stdout: "" });
    expect(ran.stderr).toMatch(reason);
  }
  await hubEnds();
});

test("kt env and kt run say the same", async () => {
  const printed = await home.run(["env", "--format", "json"]);
  const { WEB_URL, ECHO_PORT } = JSON.parse(printed.stdout);
  const ran = await home.run(["run", "sh", "-c", 'echo "$WEB_URL $ECHO_PORT"']);
  expect(ran.stdout).toBe(`${WEB_URL} ${ECHO_PORT}\n`);
  expect(ECHO_PORT).toBe(String(echoPort));
  await hubEnds();
});
