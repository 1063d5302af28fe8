/** kt in a real terminal: what a person sees at 80 and 60 columns, while it changes, and when the window does. */

import { describe, expect, test } from "bun:test";
import { mkdir, writeFile } from "node:fs/promises";
import { stringWidth } from "bun";
import { ApiServer } from "#demo/api-server.ts";
import { freePorts } from "#test/support/process.ts";
import { SourceHome } from "#test/support/source-home.ts";
import { noTerminal, Terminal, type WindowSize } from "#test/support/terminal.ts";
import { eventually } from "#test/support/wait.ts";
import { startTestPod, type TestPod } from "./test-pod.ts";

const kt = `'${process.execPath}' '${new URL("../../src/main.ts", import.meta.url).pathname}'`;
const sizes = [
  { columns: 80, rows: 24 },
  { columns: 60, rows: 20 },
];
const longService = "a-service-with-a-name-that-is-as-long-as-names-get-in-clusters";

/** A home with a profile of a short and a long target, and a pod behind the short one. */
class Place {
  readonly home: SourceHome;
  readonly port: number;
  readonly #api: ApiServer;
  readonly #pod: TestPod;

  private constructor(home: SourceHome, port: number, api: ApiServer, pod: TestPod) {
    this.home = home;
    this.port = port;
    this.#api = api;
    this.#pod = pod;
  }

  static async make(): Promise<Place> {
    const home = await SourceHome.make();
    const api = new ApiServer({ graceMs: 50 });
    const pod = startTestPod("web-1");
    api.cluster.setService({
      namespace: "shop",
      name: "web",
      selector: { app: "web" },
      ports: [{ name: "http", port: 80, targetPort: 8080 }],
    });
    api.cluster.setPod({
      namespace: "shop",
      name: "web-1",
      labels: { app: "web" },
      containerPorts: [],
      backends: pod.backends,
      ready: true,
    });
    const [port = 0] = freePorts(1);
    await mkdir(`${home.path}/home/.kube`, { recursive: true });
    await writeFile(`${home.path}/home/.kube/config`, api.kubeconfig({ context: "dev", namespace: "shop" }));
    await writeFile(
      `${home.project}/tunnels.toml`,
      `name = "shop"\ncontext = "dev"\n[http]\nlisten = ["127.0.0.1:${port}"]\n[routes]\n"web.localhost" = "shop/svc/web:80"\n"long.localhost" = "shop/svc/${longService}:metrics"\n`,
    );
    return new Place(home, port, api, pod);
  }

  open(words: string, size: WindowSize): Terminal {
    return Terminal.open(this.home.path, `${kt} ${words}`, { cwd: this.home.project, env: this.home.env, size });
  }

  async get(host: string): Promise<number> {
    return (await fetch(`http://127.0.0.1:${this.port}/secret/path?token=x`, { headers: { Host: host } })).status;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.home[Symbol.asyncDispose]();
    this.#api.close();
    this.#pod.close();
  }
}

const headings = (rows: readonly string[]): number => rows.filter((row) => row.startsWith("shop  context dev")).length;
const words = /^\s*[●○◐✗]/;

describe.skipIf(noTerminal !== undefined)("in a terminal", () => {
  test.concurrent.each(sizes)("kt up at $columns columns says the state first, and never breaks a word", async (size) => {
    await using place = await Place.make();
    using terminal = place.open("up", size);
    await terminal.sees("Ctrl-C detaches");
    expect(await place.get("web.localhost")).toBe(200);
    await terminal.sees("● running");
    expect(await place.get("long.localhost")).toBe(502);
    await terminal.sees("✗ failed");
    const rows = terminal.rows();
    expect(headings(rows)).toBe(1);
    expect(rows.filter((row) => words.test(row)).map((row) => row.slice(0, 11).trim())).toEqual(["● running", "✗ failed"]);
    expect(rows.every((row) => stringWidth(row) <= size.columns)).toBe(true);
    expect(rows.join("\n")).toContain(`http://web.localhost:${place.port}`);
    expect(rows.join("\n")).toMatch(/shop\/svc.*….*:metrics/);
    terminal.press("C-c");
    await terminal.sees("[exit 130]");
  });

  test.concurrent("kt up is drawn again when the window changes, and leaves no previous rows", async () => {
    await using place = await Place.make();
    using terminal = place.open("up", { columns: 100, rows: 24 });
    await terminal.sees("Ctrl-C detaches");
    for (const size of [...sizes, { columns: 140, rows: 30 }, { columns: 50, rows: 20 }]) {
      terminal.resize(size);
      const wide = size.columns > 80;
      await eventually(`a table for ${size.columns} columns`, () => {
        const rows = terminal.rows();
        const isWhole = rows.some((row) => row.includes(`${longService}:metrics`));
        return headings(rows) === 1 && isWhole === wide && rows.filter((row) => words.test(row)).length === 2;
      });
      expect(terminal.rows().filter((row) => row.includes("Ctrl-C detaches"))).toHaveLength(1);
    }
    terminal.press("C-c");
    await terminal.sees("[exit 130]");
  });

  test.concurrent("kt up -v has log lines above the table, as kt logs writes them, and only of now", async () => {
    await using place = await Place.make();
    await place.home.run(["up", "-d"]);
    expect(await place.get("web.localhost")).toBe(200);
    using terminal = place.open("up -v", { columns: 120, rows: 40 });
    await terminal.sees("Ctrl-C detaches");
    expect(await place.get("web.localhost")).toBe(200);
    expect(await place.get("nowhere.localhost")).toBe(404);
    await terminal.sees("nowhere.localhost refused");
    await terminal.sees("GET 200 in");
    const rows = terminal.rows();
    const table = rows.findIndex((row) => row.startsWith("shop  context dev"));
    expect(headings(rows)).toBe(1);
    const logged = rows.slice(0, table).filter((row) => /^\d/.test(row));
    expect(logged.filter((row) => row.includes("GET 200"))).toHaveLength(1);
    expect(rows.join("\n")).not.toContain("secret");
    expect(rows.join("\n")).not.toContain("the hub is up");
    const logs = (await place.home.run(["logs", "-v"])).stdout;
    for (const row of logged) expect(logs).toContain(row.slice(0, 100).trimEnd());
    terminal.press("C-c");
    await terminal.sees("[exit 130]");
  });

  test.concurrent.each(sizes)("results are broken at words at $columns columns", async (size) => {
    await using place = await Place.make();
    await place.home.run(["up", "-d"]);
    await place.get("long.localhost");
    const problem = "there is no service";
    for (const command of ["status", "logs", "explain long.localhost", "doctor", "up --help", "forward --help"]) {
      using terminal = place.open(command, size);
      const screen = await terminal.sees("[exit ");
      const rows = terminal.rows();
      // What the terminal had to break is joined in one, and not in the other.
      expect({
        command,
        rows: screen
          .trimEnd()
          .split("\n")
          .map((row) => row.trimEnd()),
      }).toEqual({ command, rows });
      if (command === "status") expect(screen).toContain(problem);
    }
  });
});

test("into a pipe the columns are aligned", async () => {
  await using place = await Place.make();
  const { stdout } = await place.home.run(["up", "-d"]);
  const [web = "", long = ""] = stdout.split("\n").filter((line) => words.test(line));
  expect(web.indexOf("shop/svc/web:80")).toBe(long.indexOf(`shop/svc/${longService}:metrics`));
  expect((await place.home.run(["status"])).stdout).toBe(stdout.replace("attached until kt down\n", ""));
});

test("kt logs shows requests without their paths, and from a time on", async () => {
  await using place = await Place.make();
  await place.home.run(["up", "-d"]);
  await place.get("web.localhost");
  const logs = async (...args: string[]): Promise<string> => (await place.home.run(["logs", ...args])).stdout;
  expect(await logs()).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d info {2}web\.localhost is running on web-1$/m);
  expect(await logs()).not.toContain("GET");
  expect(await logs("-v")).toMatch(/ debug web\.localhost GET 200 in [\d.]+ ms, [\d.]+ K?B$/m);
  expect(await logs("web.localhost")).toContain("GET 200");
  expect(await logs("-v")).not.toContain("secret");
  expect(JSON.parse((await logs("--json")).trim().split("\n").at(-1) ?? "")).toMatchObject({ type: "request", method: "GET", status: 200 });
  expect(await logs("-v", "--since", "1h")).toContain("GET 200");
  expect(await logs("-v", "--since", "0")).toBe("");
});

test("kt serve -v logs the same", async () => {
  await using place = await Place.make();
  const serve = place.home.start(["serve", "-v", "-f", "tunnels.toml"]);
  let errors = "";
  void (async () => {
    for await (const bytes of serve.stderr) errors += new TextDecoder().decode(bytes);
  })();
  await eventually("it to listen", () => errors.includes(`listening on 127.0.0.1:${place.port}`));
  await place.get("web.localhost");
  await eventually("the request", () => / debug web\.localhost GET 200 in [\d.]+ ms, [\d.]+ K?B$/m.test(errors));
  expect(errors).not.toContain("secret");
  serve.kill("SIGTERM");
  expect(await serve.exited).toBe(0);
});

test("after a crash of the hub kt logs names its log file", async () => {
  await using place = await Place.make();
  await place.home.run(["up", "-d"]);
  process.kill((await place.home.hubPid()) ?? 0, "SIGKILL");
  const { exitCode, stderr } = await eventually("the hub to be gone", async () => {
    const ran = await place.home.run(["logs"]);
    return ran.exitCode === 0 ? undefined : ran;
  });
  expect(exitCode).toBe(1);
  expect(stderr).toMatch(
    /^kt: error: (?:no hub is running|the hub ended); what the last one wrote is in "(\S+hub\.log)"\nkt: hint: tail \1\nkt: hint: kt up\n$/,
  );
});
