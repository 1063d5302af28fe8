/** A saved profile takes effect without harm to what did not change; a broken one changes nothing and is reported. */

import { afterAll, beforeAll, expect, test } from "bun:test";
import { renameSync } from "node:fs";
import { namespace } from "#test/support/cluster.ts";
import { twoContexts } from "#test/support/front.ts";
import { Kt } from "#test/support/kt.ts";
import { freePorts } from "#test/support/process.ts";
import { RawClient, takesConnections } from "#test/support/raw-client.ts";
import { eventually } from "#test/support/wait.ts";
import { openWebSocket, type TestWebSocket } from "#test/support/web-socket.ts";

const [port = 0, tcpPort = 0] = freePorts(2);
let kt: Kt;
let socket: TestWebSocket;

function profile(routes: string, tcp = ""): string {
  return `namespace = "${namespace}"\n[http]\nlisten = ["127.0.0.1:${port}"]\n[routes]\n"keep.localhost" = "svc/web:http"\n${routes}\n[tcp]\n${tcp}\n`;
}

beforeAll(async () => {
  kt = await Kt.serve(port, profile(""), { KUBECONFIG: await twoContexts() });
  socket = await openWebSocket(port, "keep.localhost", "/ws");
});
afterAll(async () => await kt?.close());

async function podOf(host: string): Promise<string> {
  const response = await kt.fetch(host, "/");
  return response.status === 200 ? (response.headers.get("x-pod") ?? "") : `status ${response.status}`;
}

test("a route is added, changed and removed while a WebSocket on another stays open", async () => {
  expect(await podOf("new.localhost")).toBe("status 404");
  kt.rewrite(profile('"new.localhost" = "svc/api:http"'));
  await eventually("the new route", async () => (await podOf("new.localhost")).startsWith("api-"));
  expect(await socket.ask("added")).toBe("added");

  kt.rewrite(profile('"new.localhost" = "pod/single:http"'));
  await eventually("the changed route", async () => (await podOf("new.localhost")) === "single");
  expect(await socket.ask("changed")).toBe("changed");

  kt.rewrite(profile(""));
  await eventually("the route to go", async () => (await podOf("new.localhost")) === "status 404");
  expect(await socket.ask("removed")).toBe("removed");
});

test("a TCP port is opened and closed", async () => {
  kt.rewrite(profile("", `${tcpPort} = "svc/web:echo"`));
  const client = await eventually("the port to open", async () => await RawClient.open(tcpPort));
  client.write("hello");
  await client.readUntil("hello");
  client.abort();
  kt.rewrite(profile(""));
  await eventually("the port to close", async () => !(await takesConnections(tcpPort)));
  expect(await socket.ask("still here")).toBe("still here");
});

test("saved by rename, as many editors do", async () => {
  const temporary = kt.home.write("tunnels.toml.tmp", profile('"renamed.localhost" = "svc/api:http"'));
  renameSync(temporary, kt.profile);
  await eventually("the new route", async () => (await podOf("renamed.localhost")).startsWith("api-"));
});

test("a broken file keeps the last good profile and is reported", async () => {
  kt.rewrite('[routes\n"keep.localhost" = ');
  await eventually("the report", async () => JSON.stringify(await kt.status()).includes("profile-syntax"));
  expect(await podOf("keep.localhost")).toStartWith("web-");
  expect(await podOf("renamed.localhost")).toStartWith("api-");
  expect(await socket.ask("still here")).toBe("still here");
  expect(kt.process.output).toContain("tunnels.toml");
  kt.rewrite(profile(""));
  await eventually("the report to go", async () => !JSON.stringify(await kt.status()).includes("profile-syntax"));
  expect(await socket.ask("mended")).toBe("mended");
});
