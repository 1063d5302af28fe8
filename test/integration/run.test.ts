/** `kt run` as a process before the embedded API: what the command gets, how it ends, signals, waiting, and what is taken down. */

import { describe, expect, test } from "bun:test";
import { chmod } from "node:fs/promises";
import { listen, spawn, write } from "bun";
import { ApiServer } from "#demo/api-server.ts";
import type { Snapshot } from "#control/api.ts";
import { HubClient } from "#control/client.ts";
import { startTestPod, type TestPod } from "#test/integration/test-pod.ts";
import { freePorts, isAlive } from "#test/support/process.ts";
import { SourceHome } from "#test/support/source-home.ts";
import { eventually } from "#test/support/wait.ts";

const main = new URL("../../src/main.ts", import.meta.url).pathname;

/** On a machine that starts many at once it takes a while. */
const startMs = 25_000;

/** A loaded machine takes long enough for kt to say that it waits, which would stand beside what the command says. */
const quiet = ["-q"];

/** A project whose profile leads to a pod of the embedded API. */
class Shop {
  readonly #api = new ApiServer();
  readonly #pod: TestPod = startTestPod("web-0");
  readonly home: SourceHome;
  readonly port: number;
  readonly echoPort: number;

  private constructor(home: SourceHome) {
    this.home = home;
    [this.port = 0, this.echoPort = 0] = freePorts(2);
    const ports = [
      { name: "http", port: 80, targetPort: 8080 },
      { name: "echo", port: 7000, targetPort: 7000 },
    ];
    this.#api.cluster.setService({ namespace: "shop", name: "web", selector: { app: "web" }, ports });
    this.setPod(true);
  }

  static async open(): Promise<Shop> {
    const shop = new Shop(await SourceHome.make());
    await write(`${shop.home.path}/kubeconfig`, shop.#api.kubeconfig({ namespace: "shop" }));
    await shop.profile(`WEB_URL = "http://\${routes.web.localhost.address}"\nECHO = "\${tcp.127.0.0.1:${shop.echoPort}.port}"`);
    return shop;
  }

  setPod(ready: boolean): void {
    const { backends } = this.#pod;
    this.#api.cluster.setPod({ namespace: "shop", name: "web-0", labels: { app: "web" }, containerPorts: [], backends, ready });
  }

  async profile(env: string, more = ""): Promise<void> {
    const text = `name = "shop"
kubeconfig = "${this.home.path}/kubeconfig"
start_timeout = "20s"
[http]
listen = ["127.0.0.1:${this.port}"]
[routes]
"web.localhost" = "svc/web:http"
${more}
[tcp]
"127.0.0.1:${this.echoPort}" = "svc/web:echo"
[env]
${env}
`;
    await write(`${this.home.project}/tunnels.toml`, text);
  }

  /** In a session of its own, without a terminal's Ctrl-C: signals come from the test alone. */
  start(...args: string[]) {
    const child = spawn([process.execPath, main, "run", ...quiet, ...args], {
      cwd: this.home.project,
      env: this.home.env,
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
    let text = "";
    for (const stream of [child.stdout, child.stderr]) {
      void (async () => {
        for await (const bytes of stream) text += new TextDecoder().decode(bytes);
      })();
    }
    return Object.assign(child, { seen: () => text });
  }

  /** Undefined where no hub runs. */
  async snapshot(): Promise<Snapshot | undefined> {
    const client = await HubClient.connect(`${this.home.path}/run/kt/hub.sock`).catch(() => undefined);
    const snapshot = await client?.snapshot();
    client?.close();
    return snapshot;
  }

  async profiles(): Promise<Snapshot["profiles"]> {
    return (await this.snapshot())?.profiles ?? [];
  }

  /** Resolves when a request waits for a pod to become ready. */
  async waitedFor(): Promise<void> {
    const isStarting = async (): Promise<boolean> =>
      (await this.profiles()).some(({ routes }) => routes.some(({ problem }) => problem?.code === "no-ready-pod"));
    await eventually("the route to start", isStarting, startMs);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.home[Symbol.asyncDispose]();
    this.#api.close();
    this.#pod.close();
  }
}

/** The same on every Linux: it is made from the name. A Mac has 127.0.0.1 alone, where the port is made from it. */
const ownAddress = (port: number): string => `127.178.215.39:${port}`;

const sh = (script: string): string[] => ["run", ...quiet, "--", "sh", "-c", script];

/** A command that says that it runs, and which signal it got, once for each; a second one would show. */
const trapping = `for s in INT TERM HUP USR1; do trap "echo got $s" $s; done; trap 'exit 5' USR2; echo running; while :; do sleep 0.02; done`;

function running({ seen }: { readonly seen: () => string }): Promise<boolean> {
  return eventually("the command", () => seen().includes("running"), startMs).catch((error: unknown) => {
    throw new Error(`it wrote: ${JSON.stringify(seen())}`, { cause: error });
  });
}

describe("the command", () => {
  test
    .skipIf(process.platform !== "linux")
    .concurrent("has its routes and variables, the environment that kt got, and kt's standard output to itself", async () => {
      await using shop = await Shop.open();
      const fetching = `const r = await fetch(process.env.WEB_URL);
console.log(r.status, await r.text(), process.env.WEB_URL, process.env.ECHO, process.env.MINE);`;
      await write(`${shop.home.project}/fetch.ts`, fetching);
      const ran = await shop.home.run(["run", ...quiet, process.execPath, "fetch.ts"], { MINE: "mine" });
      expect(ran).toEqual({ exitCode: 0, stdout: `200 web-0 http://${ownAddress(shop.port)} ${shop.echoPort} mine\n`, stderr: "" });
    });

  test.concurrent("keeps its own options, with and without --, and reads what kt was given to read", async () => {
    await using shop = await Shop.open();
    const child = spawn([process.execPath, main, ...sh("cat")], {
      cwd: shop.home.project,
      env: shop.home.env,
      stdin: Buffer.from("typed"),
      stdout: "pipe",
    });
    expect(await child.stdout.text()).toBe("typed");
    for (const dashes of [[], ["--"]])
      expect(await shop.home.run(["run", ...dashes, "echo", "--help", "-f", "--", "--no-x", "007"])).toMatchObject({
        exitCode: 0,
        stdout: "--help -f -- --no-x 007\n",
      });
  });

  test.concurrent("ends kt as it ended, also several at once on one profile", async () => {
    await using shop = await Shop.open();
    const endings = { "exit 0": 0, "exit 3": 3, "exit 255": 255, "kill -TERM $$": 143, "kill -KILL $$": 137 };
    const ran = Object.keys(endings).map(async (script) => await shop.home.run(sh(script)));
    expect(await Promise.all(ran)).toEqual(Object.values(endings).map((exitCode) => ({ exitCode, stdout: "", stderr: "" })));
  });

  test.concurrent("that is not there, or not a program, is reported as shells do", async () => {
    await using shop = await Shop.open();
    await write(`${shop.home.project}/script`, "echo hi\n");
    const missing = await shop.home.run(["run", ...quiet, "no-such-program"]);
    expect(missing).toMatchObject({ exitCode: 127, stderr: 'kt: error: there is no program "no-such-program" in PATH\n' });
    expect(await shop.home.run(["run", ...quiet, "./nothing"])).toMatchObject({
      exitCode: 127,
      stderr: 'kt: error: there is no program "./nothing"\n',
    });
    const closed = await shop.home.run(["run", ...quiet, "./script"]);
    expect(closed).toMatchObject({ exitCode: 126, stderr: 'kt: error: "./script" cannot be run: it is not an executable file\n' });
    await chmod(`${shop.home.project}/script`, 0o755);
    expect((await shop.home.run(["run", ...quiet, "./script"])).exitCode).toBe(126);
    expect(await shop.home.run(["run"])).toMatchObject({ exitCode: 2 });
  });
});

describe("signals", () => {
  test.concurrent("without a terminal are passed on, each once", async () => {
    await using shop = await Shop.open();
    const child = shop.start("sh", "-c", trapping);
    await running(child);
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1"] as const) {
      child.kill(signal);
      await eventually(signal, () => child.seen().includes(`got ${signal.slice(3)}\n`));
    }
    child.kill("SIGUSR2");
    expect(await child.exited).toBe(5);
    expect(child.seen()).toBe("running\ngot INT\ngot TERM\ngot HUP\ngot USR1\n");
  });

  test.concurrent("that end the command end kt", async () => {
    await using shop = await Shop.open();
    const child = shop.start("sh", "-c", "echo running; exec sleep 60");
    await running(child);
    child.kill("SIGTERM");
    expect(await child.exited).toBe(143);
  });

  test.concurrent("of the terminal reach the command once, which has the terminal", async () => {
    await using shop = await Shop.open();
    let seen = "";
    const read = (_: unknown, bytes: Uint8Array): void => {
      seen += new TextDecoder().decode(bytes);
    };
    const child = spawn(
      [
        process.execPath,
        main,
        "run",
        "sh",
        "-c",
        `trap 'echo got INT' INT; tty; echo running; until read line; do :; done; echo "read $line"`,
      ],
      {
        cwd: shop.home.project,
        env: shop.home.env,
        terminal: { cols: 80, rows: 24, data: read },
      },
    );
    await running({ seen: () => seen });
    expect(seen).toMatch(/\/dev\/(pts\/|tty)/);
    child.terminal?.write("\u0003");
    await eventually("the signal", () => seen.includes("got INT"));
    child.terminal?.write("a line\n");
    expect(await child.exited).toBe(0);
    expect(seen.match(/got INT/g)).toHaveLength(1);
    expect(seen).toContain("read a line");
    child.terminal?.close();
  });

  test.concurrent.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const)("%s while it waits ends it with %d and runs nothing", async (signal, code) => {
    await using shop = await Shop.open();
    shop.setPod(false);
    const child = shop.start("echo", "ran");
    await shop.waitedFor();
    child.kill(signal);
    expect(await child.exited).toBe(code);
    expect(child.seen()).toBe("");
  });
});

describe("waiting", () => {
  test.concurrent("goes on until the pod is ready", async () => {
    await using shop = await Shop.open();
    shop.setPod(false);
    const child = shop.start("echo", "ran");
    await shop.waitedFor();
    expect(child.seen()).toBe("");
    shop.setPod(true);
    expect(await child.exited).toBe(0);
    expect(child.seen()).toBe("ran\n");
  });

  test.concurrent("says once for what, when it takes a while", async () => {
    await using shop = await Shop.open();
    shop.setPod(false);
    const child = shop.home.start(["run", "echo", "ran"]);
    const reader = child.stderr.getReader();
    const said = new TextDecoder().decode((await reader.read()).value);
    expect(said).toStartWith(`kt: waiting for "web.localhost" and "127.0.0.1:${shop.echoPort}"`);
    shop.setPod(true);
    expect(await child.exited).toBe(0);
    expect(await reader.read()).toMatchObject({ done: true });
    expect(await child.stdout.text()).toBe("ran\n");
  });

  test.concurrent("ends with 3 and the reason where a service is not there", async () => {
    await using shop = await Shop.open();
    await shop.profile('A = "${routes.gone.localhost.url}"', '"gone.localhost" = "svc/gone:80"');
    const ran = await shop.home.run(["run", ...quiet, "echo", "ran"]);
    expect(ran).toMatchObject({ exitCode: 3, stdout: "" });
    expect(ran.stderr).toMatch(/^kt: error: "gone.localhost" is not ready: .*"gone"/);
  });

  test.concurrent("tells once what is wrong with several routes", async () => {
    await using shop = await Shop.open();
    await shop.profile('A = "plain"', '"gone.localhost" = "svc/gone:80"\n"too.localhost" = "svc/gone:81"');
    const { stderr } = await shop.home.run(["run", ...quiet, "true"]);
    expect(stderr).toStartWith('kt: error: "gone.localhost" and "too.localhost" are not ready: there is no service "gone"');
    expect(stderr.match(/kt: error:/g)).toHaveLength(1);
  });

  test.concurrent("is only for the routes that [env] speaks of; without any, for all", async () => {
    await using shop = await Shop.open();
    await shop.profile('A = "${routes.web.localhost.url}"', '"gone.localhost" = "svc/gone:80"');
    expect((await shop.home.run(["run", "true"])).exitCode).toBe(0);
    await shop.profile('A = "plain"', '"gone.localhost" = "svc/gone:80"');
    expect((await shop.home.run(["run", "true"])).exitCode).toBe(3);
  });

  test.concurrent("warns once of a name that this machine does not resolve, and of none of the addresses in its place", async () => {
    await using shop = await Shop.open();
    const more = '"web.invalid" = "svc/web:http"';
    await shop.profile('A = "${routes.web.invalid.url}"\nB = "${routes.web.invalid.url}/b"', more);
    const ran = await shop.home.run(["run", "--no-names", "echo", "ran"]);
    expect(ran).toMatchObject({ exitCode: 0, stdout: "ran\n" });
    expect(ran.stderr.match(/kt: warning: this machine does not resolve "web\.invalid"/g)).toHaveLength(1);
    expect(ran.stderr).toContain('write "http://${routes.web.invalid.address}"');
    expect((await shop.home.run(["run", ...quiet, "--no-names", "true"])).stderr).toBe("");
    await shop.profile('A = "${routes.web.invalid.address}"', more);
    expect((await shop.home.run(["run", "--no-names", "true"])).stderr).toBe("");
  });

  test.skipIf(process.platform !== "linux").concurrent("ends with 1 where the address of a route is taken", async () => {
    await using shop = await Shop.open();
    const [hostname = "", port = ""] = ownAddress(shop.port).split(":");
    using holder = listen({ hostname, port: Number(port), socket: { data() {} } });
    const ran = await shop.home.run(["run", "echo", "ran"]);
    expect(ran).toMatchObject({ exitCode: 1, stdout: "" });
    expect(ran.stderr).toContain(`"web.localhost" is not ready: ${hostname}:${holder.port} is taken by`);
  });

  test.concurrent("ends with 1 where a port is taken", async () => {
    await using shop = await Shop.open();
    using holder = listen({ hostname: "127.0.0.1", port: shop.echoPort, socket: { data() {} } });
    const ran = await shop.home.run(["run", "echo", "ran"]);
    expect(ran).toMatchObject({ exitCode: 1, stdout: "" });
    expect(ran.stderr).toContain(`"127.0.0.1:${holder.port}" is not ready: 127.0.0.1:${holder.port} is taken by`);
  });

  test.concurrent("a broken profile is reported as kt check reports it", async () => {
    await using shop = await Shop.open();
    await write(`${shop.home.project}/tunnels.toml`, "contxt = 1\nnamespce = 2\n");
    const ran = await shop.home.run(["run", "echo", "ran"]);
    expect(ran).toMatchObject({ exitCode: 2, stdout: "" });
    expect(ran.stderr.match(/kt: error:/g)).toHaveLength(2);
  });
});

describe("afterwards", () => {
  test.concurrent("nothing is left, and the hub ends", async () => {
    await using shop = await Shop.open();
    expect((await shop.home.run(["run", "true"])).exitCode).toBe(0);
    const pid = (await shop.snapshot())?.hub.pid;
    await eventually("the profile to go", async () => (await shop.profiles()).length === 0);
    await eventually("the hub to end", () => pid === undefined || !isAlive(pid));
  });

  test.concurrent("a profile that another terminal holds stays", async () => {
    await using shop = await Shop.open();
    await shop.home.run(["up", "-d"]);
    expect((await shop.home.run(["run", "true"])).exitCode).toBe(0);
    expect(await shop.profiles()).toHaveLength(1);
  });

  test.concurrent("of two at once the one that goes on keeps its routes", async () => {
    await using shop = await Shop.open();
    const long = shop.start("sh", "-c", trapping);
    await running(long);
    expect((await shop.home.run(["run", "true"])).exitCode).toBe(0);
    const response = await fetch(`http://127.0.0.1:${shop.port}/`, { headers: { Host: "web.localhost" } });
    expect(response.status).toBe(200);
    long.kill("SIGUSR2");
    expect(await long.exited).toBe(5);
  });

  test.concurrent("a hub that dies meanwhile is replaced, and the routes with it", async () => {
    await using shop = await Shop.open();
    const child = shop.start("sh", "-c", trapping);
    await running(child);
    process.kill((await shop.snapshot())?.hub.pid ?? 0, "SIGKILL");
    await eventually("the routes", async () => (await shop.profiles()).length === 1, startMs);
    expect(child.seen()).toContain("kt: warning: the hub died; starting a new one\n");
    child.kill("SIGUSR2");
    expect(await child.exited).toBe(5);
  });

  test.concurrent("kt down elsewhere is reported, and the command goes on", async () => {
    await using shop = await Shop.open();
    const child = shop.start("sh", "-c", trapping);
    await running(child);
    await shop.home.run(["down"]);
    await eventually("the warning", () => child.seen().includes("kt: warning: detached by kt down"));
    child.kill("SIGUSR2");
    expect(await child.exited).toBe(5);
  });
});
