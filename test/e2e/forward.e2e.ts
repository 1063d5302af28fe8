/** `kt forward` beside kubectl port-forward: every form and kind, exit codes, and what kubectl's own end-to-end tests ask. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { listen, spawn } from "bun";
import { goClient } from "#test/support/client.ts";
import {
  adminKubeconfig,
  apply,
  createUser,
  deploy,
  deployment,
  kubectl,
  ownNamespace,
  pod,
  podsOf,
  type Ran,
  readKubeconfig,
  run,
  writeKubeconfig,
} from "#test/support/cluster.ts";
import { Home, type KtProcess } from "#test/support/kt.ts";
import { freePorts } from "#test/support/process.ts";
import { RawClient } from "#test/support/raw-client.ts";
import { eventually, within } from "#test/support/wait.ts";

let home: Home;
let space: Awaited<ReturnType<typeof ownNamespace>>;

/** The same pods as those of a deployment, kept by another kind of workload. */
function workload(kind: string, name: string, extra: object = {}): object {
  const template = (deployment(space.name, name) as { spec: { template: object } }).spec.template;
  const apiVersion = kind === "Job" ? "batch/v1" : "apps/v1";
  return { apiVersion, kind, metadata: { namespace: space.name, name }, spec: { template, ...extra } };
}

const selecting = (name: string): object => ({ selector: { matchLabels: { app: name } } });

beforeAll(async () => {
  home = new Home();
  space = await ownNamespace("forward");
  const job = workload("Job", "migrate") as { spec: { template: { spec: object } } };
  Object.assign(job.spec.template.spec, { restartPolicy: "Never" });
  await apply(
    workload("StatefulSet", "db", { ...selecting("db"), serviceName: "db" }),
    workload("DaemonSet", "agent", selecting("agent")),
    workload("ReplicaSet", "plain", selecting("plain")),
    job,
    pod(space.name, "single"),
    deployment(space.name, "zero", { replicas: 0 }),
    deployment(space.name, "crash", { env: { CRASH: "1" } }),
  );
  await deploy(space.name, "web", { replicas: 2 });
  for (const app of ["db", "agent", "plain", "single", "migrate"])
    await kubectl(
      "-n",
      space.name,
      "wait",
      "--for=condition=Ready",
      "pod",
      "-l",
      app === "migrate" ? "job-name=migrate" : `app=${app}`,
      "--timeout=90s",
    );
}, 180_000);
afterAll(async () => {
  await home?.close();
  await space?.remove();
}, 60_000);

function start(line: string): KtProcess {
  return home.start(["forward", "-n", space.name, ...line.split(" ")]);
}

/** The ports on 127.0.0.1, once there are so many. */
async function portsOf(forwarding: KtProcess, count = 1): Promise<number[]> {
  return await eventually(`${count} ports`, () => {
    const found = [...forwarding.output.matchAll(/^Forwarding from 127\.0\.0\.1:(\d+) -> \d+$/gm)].map((match) => Number(match[1]));
    if (found.length >= count) return found;
    throw new Error(forwarding.output);
  });
}

/** Forwards for as long as `use` takes. */
async function forwarded(line: string, use: (ports: number[], forwarding: KtProcess) => Promise<void>, count = 1): Promise<void> {
  const forwarding = start(line);
  try {
    await use(await portsOf(forwarding, count), forwarding);
  } finally {
    await forwarding.stop();
  }
}

const ask = (port: number | undefined, path = "/"): Promise<Response> =>
  fetch(`http://127.0.0.1:${port}${path}`, { headers: { Connection: "close" } });

describe("every kind and form", () => {
  test.each([
    ["svc/web :80", "web-"],
    ["svc/web :http", "web-"],
    ["service/web 0:number", "web-"],
    ["deploy/web :8080", "web-"],
    ["deployment.apps/web :http", "web-"],
    ["sts/db :http", "db-0"],
    ["ds/agent :8080", "agent-"],
    ["rs/plain :http", "plain-"],
    ["job/migrate :8080", "migrate-"],
    ["pod/single :8080", "single"],
    ["single :http", "single"],
    ["db-0 :8080", "db-0"],
  ])("%s", async (line, name) => {
    await forwarded(line, async ([port]) => expect(await (await ask(port)).text()).toContain(name));
  });

  test("a port by number is the same here; a name alone is the service's number", async () => {
    const [local = 0] = freePorts(1);
    await forwarded(
      `svc/web ${local}:80 8081`,
      async (ports) => {
        expect(ports).toEqual([local, 8081]);
        for (const port of ports) expect((await ask(port)).status).toBe(200);
      },
      2,
    );
  });

  test("on ::1 as well, and on other addresses where asked", async () => {
    await forwarded("svc/web :80", async ([port], forwarding) => {
      await eventually("the other line", () => forwarding.output.includes(`Forwarding from [::1]:${port} -> 8080\n`));
      expect((await fetch(`http://[::1]:${port}/`)).status).toBe(200);
    });
    await forwarded("svc/web :80 --address 127.0.0.1,127.0.0.9", async ([port], forwarding) => {
      await eventually("the other line", () => forwarding.output.includes(`Forwarding from 127.0.0.9:${port} -> 8080\n`));
      expect((await fetch(`http://127.0.0.9:${port}/`)).status).toBe(200);
    });
  });

  test("the same lines as kubectl prints, but for the number", async () => {
    const kubectlOutput = await withKubectl("svc/web :80", async (port) => void (await ask(port)));
    await forwarded("svc/web :80", async ([port], forwarding) => {
      await ask(port);
      const expected = kubectlOutput.text.replaceAll(String(kubectlOutput.port), String(port));
      await eventually("the same lines", () => forwarding.output === expected);
    });
  });
});

/** kubectl port-forward for as long as `use` takes; what it printed. */
async function withKubectl(line: string, use: (port: number) => Promise<void>): Promise<{ readonly port: number; readonly text: string }> {
  const child = spawn(["kubectl", "--kubeconfig", adminKubeconfig, "-n", space.name, "port-forward", ...line.split(" ")], {
    stdout: "pipe",
    stderr: "inherit",
  });
  let text = "";
  void (async () => {
    for await (const bytes of child.stdout) text += new TextDecoder().decode(bytes);
  })();
  try {
    const port = await eventually("kubectl's port", () => Number(/^Forwarding from 127\.0\.0\.1:(\d+)/m.exec(text)?.[1] ?? 0) || undefined);
    await use(port);
    await eventually("its line", () => text.includes(`Handling connection for ${port}\n`));
    return { port, text };
  } finally {
    child.kill("SIGINT");
    await child.exited;
  }
}

test("each kind is a target of a profile", async () => {
  const targets = {
    db: "sts/db:http",
    agent: "daemonset/agent:8080",
    plain: "rs/plain:http",
    migrate: "job/migrate:8080",
    web: "Deployments.v1.apps/web:8080",
  };
  const ports = freePorts(Object.keys(targets).length);
  const routes = Object.values(targets).map((target, index) => `${ports[index]} = "${target}"`);
  const project = "kinds";
  const [front = 0] = freePorts(1);
  const profile = [
    `namespace = "${space.name}"`,
    "[http]",
    `listen = "127.0.0.1:${front}"`,
    "[routes]",
    '"zero.localhost" = "deploy/zero:8080"',
    "[tcp]",
    ...routes,
  ];
  home.write("tunnels.toml", profile.join("\n"), project);
  expect((await home.run(["up", "-d"], { project })).exitCode).toBe(0);
  for (const [index, name] of Object.keys(targets).entries()) expect(await (await ask(ports[index])).text()).toContain(`pod=${name}-`);
  const refused = await fetch(`http://127.0.0.1:${front}/`, { headers: { Host: "zero.localhost", Accept: "text/plain" } });
  expect([refused.status, await refused.text()]).toEqual([503, expect.stringContaining("is ready: it is scaled to zero")]);
  const { stdout } = await home.run(["explain", String(ports[4])], { project });
  expect(stdout).toMatch(/2 ready: web-\S+:8080, web-\S+:8080/);
  await home.run(["down"], { project });
});

describe("exit codes", () => {
  const runKt = (line: string): Promise<Ran> => home.run(["forward", "-n", space.name, ...line.split(" ")]);
  const runKubectl = (line: string): Promise<Ran> =>
    run(["kubectl", "--kubeconfig", adminKubeconfig, "-n", space.name, "port-forward", ...line.split(" ")]);

  test.each([
    ["nosuch 8080", "there is no pod"],
    ["svc/nosuch 80", "there is no service"],
    ["deploy/nosuch 80", "there is no deployment"],
    ["sts/nosuch 80", "there is no statefulset"],
    ["svc/web :99", "has no port 99"],
    ["svc/web :nosuch", 'has no port "nosuch"'],
    ["deploy/web :nosuch", 'has a container port named "nosuch"'],
    ["deploy/zero :8080 --pod-running-timeout=2s", "it is scaled to zero"],
    ["svc/web :80 --address 192.0.2.55", "this machine has no such address"],
  ])("%s: 1, as kubectl", async (line, says) => {
    const [ours, theirs] = await Promise.all([runKt(line), runKubectl(line)]);
    expect([ours.exitCode, theirs.exitCode, ours.stdout, theirs.stdout]).toEqual([1, 1, "", ""]);
    expect(ours.stderr).toContain(says);
  });

  test("a taken port: 1, as kubectl, and it names the holder", async () => {
    using taken = listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
    const line = `svc/web ${taken.port}:80 --address 127.0.0.1`;
    const [ours, theirs] = await Promise.all([runKt(line), runKubectl(line)]);
    expect([ours.exitCode, theirs.exitCode]).toEqual([1, 1]);
    expect(ours.stderr).toContain(`(pid ${process.pid})`);
  });

  // kubectl calls all of these 1; kt tells wrong usage and the cluster's refusal apart from a failure.
  test.each([
    ["svc/web", 2],
    ["svc/web 1:2:3", 2],
    ["svc/web abc:80", 2],
    ["svc/web :80 --address bogus", 2],
    ["foo/web 80", 2],
    ["svc/web :80 --context nosuch", 3],
    ["svc/web :80 --kubeconfig /nowhere/config", 3],
  ])("%s: %d", async (line, code) => {
    const [ours, theirs] = await Promise.all([runKt(line), runKubectl(line)]);
    expect([ours.exitCode, theirs.exitCode]).toEqual([code, 1]);
  });

  test("crashing pods: their own reason, after the time that was given", async () => {
    const { exitCode, stderr } = await runKt("deploy/crash 8080 --pod-running-timeout 5s");
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/had no ready pod within 5 s: no pod of deployment "\S+\/crash" is ready: pod "crash-\S+" /);
  });

  test("without the permission: 3, with the verb, before anything is listened on", async () => {
    const rules = [
      { apiGroups: ["", "discovery.k8s.io"], resources: ["services", "pods", "endpointslices"], verbs: ["get", "list", "watch"] },
    ];
    const token = await createUser(space.name, "reader", rules);
    expect((await readKubeconfig()).clusters.length).toBe(1);
    const kubeconfig = await writeKubeconfig({ reader: { user: { token } } });
    const { exitCode, stdout, stderr } = await runKt(`svc/web :80 --kubeconfig ${kubeconfig}`);
    expect([exitCode, stdout]).toEqual([3, ""]);
    expect(stderr).toContain("pods/portforward");
    const noDeployments = await runKt(`deploy/web :8080 --kubeconfig ${kubeconfig}`);
    expect([noDeployments.exitCode, noDeployments.stderr.includes("not allowed to get deployments")]).toEqual([3, true]);
  });

  test.each([
    ["SIGINT", 0],
    ["SIGTERM", 143],
    ["SIGHUP", 129],
  ] as const)("%s: %d, with a connection open", async (signal, code) => {
    const forwarding = start("svc/web :7000");
    const [port = 0] = await portsOf(forwarding);
    const client = await RawClient.open(port);
    client.write("x");
    await client.readUntil("x");
    forwarding.kill(signal);
    expect(await within(3000, "the end", forwarding.exited)).toBe(code);
    await client.whenClosed();
    expect(forwarding.output).not.toContain("error");
  });
});

describe("what kubectl's own tests ask", () => {
  test("a client that connects and goes without a word, again and again", async () => {
    await forwarded("pod/single :7000", async ([port = 0], forwarding) => {
      for (let count = 0; count < 5; count++) {
        const client = await RawClient.open(port);
        client.end();
        await client.whenClosed();
      }
      const client = await RawClient.open(port);
      client.write("abc");
      expect(await client.readUntil("abc")).toBe("abc");
      client.abort();
      await eventually("every connection's line", () => forwarding.output.match(/Handling connection/g)?.length === 6);
    });
  });

  test("a client that shuts its half still gets an answer that takes its time", async () => {
    await forwarded("pod/single :8080", async ([port = 0]) => {
      const client = await RawClient.open(port);
      client.write("GET /slow?d=2s HTTP/1.1\r\nHost: single\r\nConnection: close\r\n\r\n");
      client.end();
      expect(await client.readToEnd()).toEndWith("slept 2s\n");
    });
  });

  test("a server that sends first and then ends: every byte, then the end", async () => {
    await forwarded("pod/single :7003", async ([port = 0]) =>
      expect(await goClient("pull", port)).toMatchObject({ equal: true, bytes: 8 << 20 }),
    );
  });

  test("a client that reads one byte of 40 MB and goes: the next request is answered", async () => {
    await forwarded("pod/single :8080", async ([port = 0]) => {
      for (let count = 0; count < 3; count++) {
        const client = await RawClient.open(port);
        client.write("GET /bytes?n=40000000 HTTP/1.1\r\nHost: single\r\n\r\n");
        await client.received(1);
        client.abort();
        expect((await ask(port)).status).toBe(200);
      }
    });
  });

  test("a pod deleted during a POST: the client gets an error, kt lives on and reaches the next pod", async () => {
    await forwarded("sts/db :8080", async ([port = 0], forwarding) => {
      const client = await RawClient.open(port);
      client.write("POST /sink HTTP/1.1\r\nHost: db\r\nContent-Length: 1000000000\r\n\r\n");
      client.write(new Uint8Array(1 << 20));
      await client.drained();
      await kubectl("-n", space.name, "delete", "pod", "db-0", "--grace-period=0", "--force", "--wait=false");
      expect(await within(30_000, "the server's end", client.readToEnd())).toBe("");
      // What is sent on goes nowhere, and the client learns it.
      client.end();
      await within(10_000, "the connection to close", client.whenClosed());
      expect(await (await ask(port)).text()).toContain("db-0");
      expect(forwarding.output).not.toContain("lost connection to pod");
    });
  });
});

describe("unlike kubectl it survives", () => {
  test("the deletion of every pod, one after the other, under requests", async () => {
    await forwarded("deploy/web :8080", async ([port]) => {
      for (const name of await podsOf(space.name, "web")) {
        expect((await ask(port)).status).toBe(200);
        await kubectl("-n", space.name, "delete", "pod", name, "--wait=true");
        expect((await ask(port)).status).toBe(200);
      }
    });
  });

  test("a deployment that is scaled down to nothing and up again", async () => {
    await forwarded("svc/web :80", async ([port = 0], forwarding) => {
      expect((await ask(port)).status).toBe(200);
      await kubectl("-n", space.name, "scale", "deployment/web", "--replicas=0");
      await eventually("its pods to go", async () => (await podsOf(space.name, "web")).length === 0, 60_000);
      // One that is ending still answers.
      const refused = (): Promise<boolean> =>
        ask(port).then(
          ({ status }) => status !== 200,
          () => true,
        );
      await eventually("no answer", refused, 30_000);
      await eventually("the reason", () => /^kt: error: .*no pod of .* is ready/m.test(forwarding.output));
      await kubectl("-n", space.name, "scale", "deployment/web", "--replicas=1");
      await eventually("an answer", async () => (await ask(port)).status === 200, 60_000);
    });
  });
});
