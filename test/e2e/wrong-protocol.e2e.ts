/** Clients before a target that cannot be reached, or that speaks something else: each reads why, in its own words. */

import { afterAll, beforeAll, expect, test } from "bun:test";
import { namespace, run, writeKubeconfig } from "#test/support/cluster.ts";
import { Kt } from "#test/support/kt.ts";
import { freePorts } from "#test/support/process.ts";

const [http = 0, crash = 0, refused = 0, mysql = 0] = freePorts(4);
let kt: Kt;

beforeAll(async () => {
  const profile = `
name = "wrong"
namespace = "${namespace}"

[http]
listen = ["127.0.0.1:${http}", "[::1]:${http}"]

[routes]
"web.localhost" = "svc/web:http"
"tls.localhost" = "svc/web:tls"

[tcp]
${crash} = "svc/crash:http"
${refused} = "svc/web:refused"
${mysql} = "svc/crash-mysql:3306"
`;
  kt = await Kt.serve(http, profile, { KUBECONFIG: await writeKubeconfig({ kt: { namespace } }) });
});
afterAll(async () => await kt?.close());

const psql = (port: number): string[] => [
  "psql",
  "-w",
  `host=127.0.0.1 port=${port} user=app dbname=app connect_timeout=60`,
  "-c",
  "select 1",
];
const redis = (port: number): string[] => ["redis-cli", "-h", "127.0.0.1", "-p", String(port), "ping"];

test.each([
  ["psql", psql, "FATAL:  kt: "],
  ["redis-cli", redis, "ERR kt: "],
] as const)("%s reads that the pods crash, and that nothing listens on the port", async (_, command, start) => {
  for (const [port, reason] of [
    [crash, "CrashLoopBackOff"],
    [refused, "7999"],
  ] as const) {
    const { stdout, stderr } = await run(command(port));
    expect(stdout + stderr).toContain(start);
    expect(stdout + stderr).toContain(reason);
  }
});

test("mariadb reads that there is no such service", async () => {
  const { stderr } = await run(["mariadb", "--protocol=tcp", "-h", "127.0.0.1", "-P", String(mysql), "-u", "app", "-e", "select 1"]);
  expect(stderr).toMatch(/^ERROR .*1043.*kt: .*crash-mysql/);
});

const curl = (url: string, ...flags: string[]): string[] => [
  ...[
    "curl",
    "-sS",
    "-m",
    "60",
    "--noproxy",
    "*",
    "--resolve",
    `web.localhost:${http}:127.0.0.1`,
    "--resolve",
    `tls.localhost:${http}:127.0.0.1`,
  ],
  ...flags,
  url,
];

test("curl reads over TLS that the backend has none, and kt status shows it", async () => {
  const { stdout } = await run(curl(`https://web.localhost:${http}/`, "-k", "-w", " [%{http_code}]"));
  expect(stdout).toContain(`"web.localhost" speaks plain HTTP, without TLS: http://web.localhost:${http}/`);
  expect(stdout).toEndWith("[400]");
  expect((await kt.home.run(["status", "--json"])).stdout).toContain('"plain-http"');
  expect((await kt.home.run(["logs"])).stdout).toContain("speaks plain HTTP");
});

test("curl reads without TLS that the backend has it", async () => {
  const { stdout } = await run(curl(`http://tls.localhost:${http}/`));
  expect(stdout).toContain(`open https://tls.localhost:${http}/`);
});

test("TLS to a backend of TLS passes through as before", async () => {
  const { stdout } = await run(curl(`https://tls.localhost:${http}/some`, "-k"));
  expect(stdout).toContain("path=/some");
});
