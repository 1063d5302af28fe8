/** A hub that may open few files: the connections too many are refused with a reason, the others served, and it recovers. */

import { expect, test } from "bun:test";
import { spawn, write } from "bun";
import { daemonLimits } from "#daemon/limits.ts";
import { ApiServer } from "#demo/api-server.ts";
import { freePorts } from "#test/support/process.ts";
import { RawClient } from "#test/support/raw-client.ts";
import { SourceHome } from "#test/support/source-home.ts";
import { eventually } from "#test/support/wait.ts";
import { startTestPod } from "./test-pod.ts";

const most = 256;
const clients = 300;

test("the connection too many is refused at once, told once, and the hub goes on", async () => {
  await using home = await SourceHome.make();
  const api = new ApiServer({ graceMs: 50 });
  const pod = startTestPod("web-0");
  api.cluster.setService({
    namespace: "shop",
    name: "web",
    selector: { app: "web" },
    ports: [{ name: "echo", port: 7000, targetPort: 7000 }],
  });
  api.cluster.setPod({ namespace: "shop", name: "web-0", labels: { app: "web" }, containerPorts: [], backends: pod.backends, ready: true });
  await write(`${home.project}/kubeconfig`, api.kubeconfig({ namespace: "shop" }));
  const [http = 0, tcp = 0] = freePorts(2);
  const profile = `kubeconfig = "kubeconfig"\n[http]\nlisten = ["127.0.0.1:${http}"]\n[tcp]\n"127.0.0.1:${tcp}" = "svc/web:7000"\n`;
  await write(`${home.project}/tunnels.toml`, profile);
  const command = [process.execPath, new URL("../../src/main.ts", import.meta.url).pathname, "serve", "-f", "tunnels.toml"];
  const hub = spawn(["/bin/sh", "-c", `ulimit -n ${most}; exec "$@"`, "sh", ...command], {
    cwd: home.project,
    env: home.env,
    stdin: "ignore",
    stdout: "ignore",
    stderr: "pipe",
  });
  const log = new Response(hub.stderr).text();
  await eventually("the hub", async () => (await home.hubPid()) === hub.pid);

  try {
    const held: RawClient[] = [];
    /** What a client gets: the text that it asks for, or a close. */
    const ask = async (port: number, words: string, wanted: string): Promise<string> => {
      const client = await RawClient.open(port).catch(() => undefined);
      if (!client) return "refused";
      held.push(client);
      client.write(words);
      return await client.readUntil(wanted).catch(() => "refused");
    };
    expect(await ask(tcp, "first", "first")).toBe("first");
    const answers = await Promise.all(Array.from({ length: clients }, () => ask(tcp, "hello", "hello")));
    const served = answers.filter((answer) => answer === "hello").length;
    expect(served).toBeGreaterThan((most - daemonLimits.reservedDescriptors) / 4);
    expect(served).toBeLessThan(most / 2);

    const http503 = Promise.any(
      Array.from({ length: clients }, async () => {
        const client = await RawClient.open(http);
        held.push(client);
        return await client.readUntil("kt: error");
      }),
    );
    expect(await http503).toMatch(/^HTTP\/1\.1 503 .*kt: error: no more connections are accepted: the limit of 256 open files/s);
    const status = JSON.parse((await home.run(["status", "--json"])).stdout);
    expect(status.hub.problem.code).toBe("overloaded");
    expect(status.profiles[0].routes[0].lastProblem.code).toBe("overloaded");

    for (const client of held) client.abort();
    await eventually("a new client to be served", async () => (await ask(tcp, "again", "again")) === "again");
  } finally {
    hub.kill("SIGTERM");
    api.close();
    pod.close();
  }
  expect(await hub.exited).toBe(0);
  expect((await log).match(/connections are refused/g)?.length).toBe(1);
  expect(await log).not.toContain("cluster-unreachable");
});
