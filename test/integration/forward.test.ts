/** `kt forward` as a process before the embedded API server: each form, each kind, what it prints and what it ends with. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { rm, writeFile } from "node:fs/promises";
import { listen, type Subprocess } from "bun";
import { silentLog } from "#base/log.ts";
import { readForward } from "#cli/asked/forward-args.ts";
import { AdHocForward } from "#daemon/ad-hoc-forward.ts";
import { realProviders } from "#daemon/providers.ts";
import { ApiServer } from "#demo/api-server.ts";
import type { PodSpec } from "#demo/cluster.ts";
import { putWorkload, type WorkloadSpec } from "#demo/workloads.ts";
import { freePorts } from "#test/support/process.ts";
import { SourceHome } from "#test/support/source-home.ts";
import { eventually } from "#test/support/wait.ts";
import { startTestPod, type TestPod } from "./test-pod.ts";

const namespace = "shop";

let home: SourceHome;
beforeAll(async () => {
  home = await SourceHome.make();
});
afterAll(async () => await home[Symbol.asyncDispose]());

/** A cluster with one service of everything, and a kubeconfig that leads to it. */
class Place implements AsyncDisposable {
  readonly api = new ApiServer({ graceMs: 50 });
  readonly kubeconfig = `${home.path}/${crypto.randomUUID()}`;
  readonly #pods = new Map<string, TestPod>();

  private constructor() {
    const ports = [
      { name: "http", port: 80, targetPort: "http" },
      { name: "echo", port: 7001, targetPort: 7000 },
    ];
    this.api.cluster.setService({ namespace, name: "web", selector: { app: "web" }, ports });
  }

  static async make(): Promise<Place> {
    const place = new Place();
    await writeFile(place.kubeconfig, place.api.kubeconfig({ namespace }));
    return place;
  }

  startPod(name: string, options: Pick<PodSpec, "ready" | "waiting"> = {}): void {
    const pod = startTestPod(name);
    this.#pods.set(name, pod);
    const containerPorts = [{ name: "http", containerPort: 8080 }];
    this.api.cluster.setPod({
      namespace,
      name,
      labels: { app: "web" },
      containerPorts,
      backends: pod.backends,
      ready: true,
      ...options,
    });
  }

  endPod(name: string): void {
    this.api.cluster.deletePod(namespace, name);
    this.#pods.get(name)?.close();
    this.#pods.delete(name);
  }

  put(kind: WorkloadSpec["kind"], name: string, replicas = 1): void {
    putWorkload(this.api.cluster.store, { kind, namespace, name, selector: { app: name }, replicas });
  }

  start(line: string): Forwarding {
    return new Forwarding(home.start(["forward", ...line.split(" ")], { KUBECONFIG: this.kubeconfig }));
  }

  async run(line: string): Promise<{ readonly exitCode: number; readonly stdout: string; readonly stderr: string }> {
    return await home.run(["forward", ...line.split(" ")], { KUBECONFIG: this.kubeconfig });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.api.close();
    for (const pod of this.#pods.values()) pod.close();
    await rm(this.kubeconfig);
  }
}

/** A `kt forward` that goes on. */
class Forwarding implements AsyncDisposable {
  readonly #child: Subprocess<"ignore", "pipe", "pipe">;
  stdout = "";
  stderr = "";

  constructor(child: Subprocess<"ignore", "pipe", "pipe">) {
    this.#child = child;
    void this.#collect(child.stdout, (text) => (this.stdout += text));
    void this.#collect(child.stderr, (text) => (this.stderr += text));
  }

  async #collect(stream: ReadableStream<Uint8Array>, add: (text: string) => void): Promise<void> {
    for await (const bytes of stream) add(new TextDecoder().decode(bytes));
  }

  /** The local ports that 127.0.0.1 listens on, once there are so many. */
  async ports(count = 1): Promise<number[]> {
    return await eventually(`${count} ports; so far:\n${this.stdout}${this.stderr}`, () => {
      const ports = [...this.stdout.matchAll(/^Forwarding from 127\.0\.0\.1:(\d+) -> \d+$/gm)].map((match) => Number(match[1]));
      return ports.length >= count && ports;
    });
  }

  /** Its exit code, once it ends by itself. */
  get ended(): Promise<number> {
    return this.#child.exited;
  }

  async end(signal: NodeJS.Signals): Promise<number> {
    this.#child.kill(signal);
    return await this.#child.exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end("SIGKILL");
  }
}

const ask = async (port: number | undefined): Promise<string> => await (await fetch(`http://127.0.0.1:${port}/`)).text();

describe("what kubectl port-forward does", () => {
  test.concurrent("prints where it listens, on both loopbacks, and each connection; Ctrl-C ends it with 0", async () => {
    await using place = await Place.make();
    place.startPod("web-1");
    const [local] = freePorts(1);
    await using forwarding = place.start(`svc/web ${local}:80`);
    await forwarding.ports();
    expect(await ask(local)).toBe("web-1");
    await eventually("the connection", () => forwarding.stdout.includes("Handling"));
    const both = `Forwarding from 127.0.0.1:${local} -> 8080\nForwarding from [::1]:${local} -> 8080\n`;
    const one = `Forwarding from 127.0.0.1:${local} -> 8080\n`;
    expect([both, one].map((lines) => `${lines}Handling connection for ${local}\n`)).toContain(forwarding.stdout);
    expect(await forwarding.end("SIGINT")).toBe(0);
    expect(forwarding.stderr).toBe("");
  });

  test.concurrent.each([
    ["SIGTERM", 143],
    ["SIGHUP", 129],
  ] as const)("%s ends it with %d", async (signal, code) => {
    await using place = await Place.make();
    place.startPod("web-1");
    await using forwarding = place.start("svc/web :80");
    await forwarding.ports();
    expect(await forwarding.end(signal)).toBe(code);
  });

  test.each([
    "svc/web :80",
    "svc/web :http",
    "deploy/web :8080",
    "deploy/web :http",
    "sts/web :http",
    "rs/web :8080",
    "ds/web :http",
    "job/web :http",
    "pod/web-1 :8080",
    "web-1 :http",
  ])("%s", async (line) => {
    await using place = await Place.make();
    for (const kind of ["deployments", "statefulsets", "replicasets", "daemonsets", "jobs"] as const) place.put(kind, "web");
    place.startPod("web-1");
    const ports = new Set<number>();
    const forward = new AdHocForward({
      request: readForward({ args: line.split(" "), namespace: undefined, context: undefined, addresses: [], timeout: undefined }),
      view: { kubeconfig: [place.kubeconfig], strangers: {}, environment: {} },
      providers: realProviders(),
      log: silentLog,
      onListening: ({ port }) => ports.add(port),
      onConnection() {},
      onProblem() {},
      onWaiting() {},
      command: () => "",
    });
    await forward.open();
    const [port] = ports;
    expect([ports.size, await ask(port)]).toEqual([1, "web-1"]);
    await forward.stop();
    await expect(ask(port)).rejects.toThrow();
  });

  test.concurrent("several ports; a name alone stands for its number", async () => {
    await using place = await Place.make();
    place.startPod("web-1");
    await using forwarding = place.start("svc/web :80 echo :7001 --address 127.0.0.1");
    const ports = await forwarding.ports(3);
    expect(ports[1]).toBe(7001);
    expect(forwarding.stdout).toMatch(/-> 8080\n.*-> 7000\n.*-> 7000\n$/);
    expect(await ask(ports[0])).toBe("web-1");
  });

  test.concurrent.each(["svc/web", "pod/web-1", "deploy/web"])("%s --exit-when-gone: ends with 1 when the pod is gone", async (target) => {
    await using place = await Place.make();
    place.put("deployments", "web");
    place.startPod("web-1");
    await using forwarding = place.start(`${target} :8080 --exit-when-gone`.replace("svc/web :8080", "svc/web :80"));
    const [port] = await forwarding.ports();
    expect(await ask(port)).toBe("web-1");
    place.startPod("web-2");
    place.endPod("web-1");
    expect(await forwarding.ended).toBe(1);
    expect(forwarding.stderr).toMatch(/^kt: error: lost connection to pod: .*"(shop\/)?web-1"/m);
  });

  test.concurrent("takes kubectl's options in place of the kubeconfig", async () => {
    await using place = await Place.make();
    place.startPod("web-1");
    const { clusters, users } = JSON.parse(place.api.kubeconfig({ namespace }));
    const { server, "tls-server-name": name, "certificate-authority-data": ca } = clusters[0].cluster;
    const { token } = users[0].user;
    const ignoring = `--kubeconfig ${home.path}/nowhere -s ${server} --token ${token} -n ${namespace} svc/web :80`;
    await writeFile(`${home.path}/ca.crt`, Buffer.from(ca, "base64"));
    for (const trust of [`--tls-server-name ${name} --certificate-authority ${home.path}/ca.crt`, "--insecure-skip-tls-verify"]) {
      await using forwarding = place.start(`${ignoring} ${trust} --request-timeout 5`);
      expect(await ask((await forwarding.ports())[0])).toBe("web-1");
    }
    const refused = await place.run(`${ignoring} --tls-server-name wrong --certificate-authority ${home.path}/ca.crt`);
    expect([refused.exitCode, refused.stderr]).toEqual([3, expect.stringContaining('is tls-server-name "wrong" right?')]);
    const wrong = await place.run("svc/web :80 --token wrong");
    expect([wrong.exitCode, wrong.stderr]).toEqual([3, expect.stringContaining("refused the credentials")]);
    const late = await place.run("svc/web :80 --request-timeout soon");
    expect([late.exitCode, late.stderr]).toEqual([2, expect.stringContaining('"soon" is not a valid duration')]);
  });

  test.concurrent("an address that others reach is warned of", async () => {
    await using place = await Place.make();
    place.startPod("web-1");
    await using forwarding = place.start("svc/web :80 --address 0.0.0.0");
    const [, port] = await eventually("the port", () => /^Forwarding from 0\.0\.0\.0:(\d+) -> 8080$/m.exec(forwarding.stdout) ?? false);
    expect(await ask(Number(port))).toBe("web-1");
    expect(forwarding.stderr).toBe(
      "kt: warning: listening on 0.0.0.0: every machine that reaches this one reaches the cluster through it\n",
    );
  });

  test.concurrent("a port that is taken names its holder; the others are forwarded", async () => {
    await using place = await Place.make();
    place.startPod("web-1");
    using taken = listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
    const line = `svc/web ${taken.port}:80 --address 127.0.0.1`;
    const alone = await place.run(line);
    expect([alone.exitCode, alone.stdout]).toEqual([1, ""]);
    expect(alone.stderr).toMatch(new RegExp(`^kt: error: 127.0.0.1:${taken.port} is taken by "\\S+" \\(pid ${process.pid}\\)\n`));
    expect(alone.stderr).toContain("kt: hint: kt forward svc/web :80\n");
    await using forwarding = place.start(`${line} :7001`);
    await forwarding.ports();
    await eventually("what is said of the taken port", () => forwarding.stderr.length >= alone.stderr.length);
    expect(forwarding.stderr).toBe(alone.stderr);
  });

  test.concurrent("waits for a pod that is on its way, and says so", async () => {
    await using place = await Place.make();
    place.put("deployments", "web");
    place.startPod("web-1", { ready: false });
    await using forwarding = place.start("deploy/web :http");
    await eventually("the warning", () => forwarding.stderr !== "");
    expect(forwarding.stderr).toStartWith(
      'kt: warning: no pod of deployment "shop/web" is ready: pod "web-1" is running but not ready (containers with unready status: [app]); waiting up to 60 s',
    );
    place.api.cluster.setReady(namespace, "web-1", true);
    const [port] = await forwarding.ports();
    expect(await ask(port)).toBe("web-1");
  });

  const byName = "kt: hint: kt forward pod/NAME … takes a pod that runs without being ready\n";

  test.concurrent("names the way to a pod that runs and does not become ready", async () => {
    await using place = await Place.make();
    place.put("deployments", "web");
    place.startPod("web-1", { ready: false });
    const { stderr, exitCode } = await place.run("deploy/web :http --pod-running-timeout 5s");
    expect(exitCode).toBe(1);
    expect(stderr).toContain("kt: error: deploy/web had no ready pod within 5 s: ");
    expect(stderr).toEndWith(byName);
  });

  test.concurrent("but not to one that does not run, whatever its containers say", async () => {
    await using place = await Place.make();
    place.put("deployments", "web");
    place.startPod("web-1", { ready: false, waiting: { reason: "CrashLoopBackOff", message: "app is running but not ready" } });
    const { stderr, exitCode } = await place.run("deploy/web :http --pod-running-timeout 5s");
    expect(exitCode).toBe(1);
    expect(stderr).toContain("app is running but not ready");
    expect(stderr).not.toContain(byName);
  });
});

describe("what it does better", () => {
  test.concurrent("survives the end of its pod", async () => {
    await using place = await Place.make();
    place.startPod("web-1");
    await using forwarding = place.start("svc/web :80");
    const [port] = await forwarding.ports();
    expect(await ask(port)).toBe("web-1");
    place.endPod("web-1");
    place.startPod("web-2");
    expect(await ask(port)).toBe("web-2");
    expect(await forwarding.end("SIGINT")).toBe(0);
  });

  test.concurrent("a connection that fails is reported, and the next one works", async () => {
    await using place = await Place.make();
    place.startPod("web-1");
    await using forwarding = place.start("pod/web-1 :7999 :8080");
    const [refused, http] = await forwarding.ports(2);
    expect(await ask(refused)).toContain('pod "web-1" refused the connection to port 7999');
    await eventually("the reason", () => forwarding.stderr !== "");
    expect(forwarding.stderr).toStartWith('kt: error: pod "web-1" refused the connection to port 7999\n');
    expect(await ask(http)).toBe("web-1");
  });
});

describe("what cannot be had", () => {
  const cases: [string, number, string, string][] = [
    ["web 8080", 1, 'there is no pod "web" in namespace "shop"', "kubectl get pods -n shop --context demo"],
    ["web 8080 :81 --context demo", 1, 'there is no pod "web" in namespace "shop"', "kt forward svc/web 8080 :81 --context demo"],
    ["svc/web 7001 echo", 2, "local port 7001 is requested twice", "kt forward svc/web :echo"],
    ["svc web :80", 1, 'there is no pod "svc" in namespace "shop"', "kt forward svc/web :80"],
    ["svc/wep 80", 1, 'there is no service "wep" in namespace "shop"', 'did you mean "web"?'],
    ["deploy/wep 80", 1, 'there is no deployment "wep" in namespace "shop"', 'did you mean "web"?'],
    ["svc/web :99", 1, 'service "shop/web" has no port 99', "its ports are: 80 (http), 7001 (echo)"],
    [
      "deploy/web :nosuch",
      1,
      'no ready pod of deployment "shop/web" has a container port named "nosuch"',
      "kubectl describe deployment web -n shop --context demo",
    ],
    [
      "deploy/zero 80 --pod-running-timeout 3s",
      1,
      'deploy/zero had no ready pod within 3 s: no pod of deployment "shop/zero" is ready: it is scaled to zero',
      "kubectl scale deployment zero --replicas=1 -n shop --context demo",
    ],
    ["svc/web :80 --context nope", 3, 'context "nope" is not in kubeconfig', 'known contexts: "demo"'],
    ["svc/web :80 --kubeconfig /nowhere/config", 3, 'there is no kubeconfig: "/nowhere/config" does not exist', "set KUBECONFIG"],
    ["svc/web", 2, "kt forward svc/web needs a port", "kt forward svc/web 8080:80"],
    ["svc/web 1:2:3", 2, '"1:2:3" is not of the form [LOCAL:]REMOTE', "for example 8080:80, 8080, :80 or 8080:http"],
  ];
  test.concurrent.each(cases)("%s: %d", async (line, code, message, hint) => {
    await using place = await Place.make();
    place.put("deployments", "web");
    place.put("deployments", "zero", 0);
    place.startPod("web-1");
    const { exitCode, stdout, stderr } = await place.run(line);
    expect([exitCode, stdout]).toEqual([code, ""]);
    expect(stderr).toContain(`kt: error: ${message}`);
    expect(stderr).toContain(`kt: hint: ${hint}`);
  });

  test.concurrent("what may not be had names the verb, before anything is listened on", async () => {
    await using place = await Place.make();
    place.startPod("web-1");
    for (const verb of ["get", "create"]) place.api.access.forbid(verb, "pods/portforward");
    const { exitCode, stdout, stderr } = await place.run("svc/web :80");
    expect([exitCode, stdout]).toEqual([3, ""]);
    expect(stderr).toMatch(/^kt: error: not allowed to create pods\/portforward or get pods\/portforward in namespace "shop"/);
  });

  test.concurrent("the number of a name, where services may not be listed", async () => {
    await using place = await Place.make();
    place.startPod("web-1");
    place.api.access.forbid("list", "services");
    const { exitCode, stderr } = await place.run("svc/web http");
    expect(exitCode).toBe(3);
    expect(stderr).toContain('kt: error: look up the number of port "http": not allowed to list services');
    expect(stderr).toContain("kt: hint: kt forward svc/web 8080:http\n");
  });

  test.concurrent("a cluster that does not answer", async () => {
    await using place = await Place.make();
    await writeFile(place.kubeconfig, place.api.kubeconfig({ namespace }).replace(String(place.api.port), "1"));
    const { exitCode, stderr } = await place.run("svc/web :80");
    expect(exitCode).toBe(3);
    expect(stderr).toContain("connection refused");
  });
});
