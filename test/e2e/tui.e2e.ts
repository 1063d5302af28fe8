/** The full-screen view in a real terminal, on a real cluster: what it shows, its keys, and what it leaves of the terminal. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { stringWidth } from "bun";
import { deploy, deployment, apply, ownNamespace, run, service } from "#test/support/cluster.ts";
import { binary, Home, statusOf } from "#test/support/kt.ts";
import { freePorts } from "#test/support/process.ts";
import { noTerminal, Terminal, type WindowSize } from "#test/support/terminal.ts";
import { eventually } from "#test/support/wait.ts";

const small: WindowSize = { columns: 80, rows: 24 };
const large: WindowSize = { columns: 200, rows: 50 };
/** A pod that crashes shows its reason within so long. */
const reasonMs = 2_000;

let own: Awaited<ReturnType<typeof ownNamespace>>;
const home = new Home();
const [port = 0] = freePorts(1);

function write(routes: string, folder: string): void {
  home.write(
    "tunnels.toml",
    `name = "${folder}"\nnamespace = "${own.name}"\n[http]\nlisten = ["127.0.0.1:${port}"]\n[routes]\n${routes}\n`,
    folder,
  );
}

beforeAll(async () => {
  own = await ownNamespace("tui");
  await deploy(own.name, "web");
  await apply(deployment(own.name, "crash", { env: { CRASH: "1" } }), service(own.name, "crash"));
  write(`"web.localhost" = "svc/web:http"\n"crash.localhost" = "svc/crash:http"\n"none.localhost" = "svc/none:http"`, "three");
  const many = (count: number): string => Array.from({ length: count }, (_, at) => `"s${at}.localhost" = "svc/s${at}:80"`).join("\n");
  write(many(60), "sixty");
  write(many(1000), "thousand");
}, 120_000);
afterAll(async () => {
  await home.close();
  await own?.remove();
});

function open(command: string, folder: string, size: WindowSize = small, env: Readonly<Record<string, string>> = {}): Terminal {
  const { NO_COLOR: _, ...coloured } = home.env;
  return Terminal.open(home.path, command, { cwd: `${home.path}/${folder}`, env: { ...coloured, ...env }, size });
}

/** The state of the line before and behind the command, which leaves the screen as it was. */
const around = (command: string): string => `stty -g > before; ${command}; code=$?; stty -g > after; (exit $code)`;

function expectRestored(at: Terminal, folder: string): void {
  expect(at.mode("#{alternate_on} #{cursor_flag} #{wrap_flag}")).toBe("0 1 1");
  const [before, after] = ["before", "after"].map((name) => readFileSync(`${home.path}/${folder}/${name}`, "utf8"));
  expect(after).toBe(before);
}

const isRunning = async (): Promise<number | undefined> => {
  const { hub } = (await statusOf(home)) as { hub: { pid: number } | null };
  return hub?.pid;
};

function request(url: string): Promise<Response> {
  const [host = "", ...path] = url.split("/");
  return fetch(`http://127.0.0.1:${port}/${path.join("/")}`, { headers: { Host: host }, keepalive: false });
}

describe.skipIf(noTerminal !== undefined)(`in a terminal${noTerminal === undefined ? "" : `: ${noTerminal}`}`, () => {
  test.each([
    [small, 3, "three"],
    [large, 3, "three"],
    [small, 60, "sixty"],
    [large, 60, "sixty"],
    [small, 1000, "thousand"],
    [large, 1000, "thousand"],
  ] as const)("shows %o with %i routes, resizes, and gives the terminal back", async (size, count, folder) => {
    using at = open(around(`${binary} up -i`), folder, size);
    await at.sees(`${count} routes`);
    expect(at.rows()).toHaveLength(size.rows);
    for (const row of at.rows()) expect(stringWidth(row)).toBeLessThanOrEqual(size.columns);
    at.press("End");
    await eventually("the last route", () =>
      at.rows().some((row) => row.startsWith("▸") && row.includes(`${count === 3 ? "none" : `s${count - 1}`}.localhost`)),
    );
    at.resize({ columns: 61, rows: 12 });
    at.press("Home");
    await eventually("the smaller picture", () => at.rows().length === 12 && at.rows()[0]?.includes("● live"));
    at.resize({ columns: 20, rows: 5 });
    await at.sees("kt needs 40x8");
    at.resize(size);
    await at.sees("● live");
    at.press("q");
    await at.sees("attached?");
    at.press("n");
    await at.sees("[exit 0]");
    expectRestored(at, folder);
    await eventually("the hub to detach", async () => (await isRunning()) === undefined);
  });

  test("is resized again and again while what it shows changes", async () => {
    write(`"resized.localhost" = "svc/web:http"`, "resized");
    using at = open(`${binary} up -i`, "resized");
    await at.sees("1 route");
    const asking = new AbortController();
    const load = (async () => {
      while (!asking.signal.aborted) await (await request("resized.localhost")).arrayBuffer();
    })();
    try {
      for (const size of [large, { columns: 41, rows: 9 }, { columns: 250, rows: 90 }, { columns: 20, rows: 5 }, small, large]) {
        at.resize(size);
        const isSmall = size.columns < 40;
        await eventually(`a picture of ${size.columns}x${size.rows}`, () => {
          const rows = at.rows();
          const isDrawn = at.screen().includes("kt needs") === isSmall && rows.some((row) => row.trim() !== "");
          return (isSmall || rows.length === size.rows) && isDrawn && rows.every((row) => stringWidth(row) <= size.columns);
        });
      }
      await at.sees("resized.localhost");
    } finally {
      asking.abort();
      await load;
    }
    at.type("qn");
    await at.sees("[exit 0]");
  }, 60_000);

  test("filters, sorts, copies, and leaves the profile attached where the user says so", async () => {
    using at = open(`${binary} up -i`, "sixty");
    await at.sees("60 routes");
    at.type("/s42");
    await eventually("one route", () => at.rows().filter((row) => row.includes(".localhost")).length === 1);
    at.press("Enter");
    at.type("y");
    await at.sees(`copied http://s42.localhost:${port}`);
    at.press("Escape");
    await eventually("all routes", () => at.rows().filter((row) => row.includes(".localhost")).length > 10);
    at.type("s");
    await at.sees("by state");
    at.type("?");
    await at.sees("any key goes back");
    at.type("x");
    await at.sees("by state");
    at.type("q");
    await at.sees("Leave sixty attached?");
    at.type("y");
    await at.sees("[exit 0]");
    expect(at.screen()).toContain("attached until kt down");
    using second = open(`${binary} tui`, "three");
    await second.sees("sixty / ");
    second.type("q");
    await second.sees("[exit 0]");
    expect((await home.run(["down", "--all"])).exitCode).toBe(0);
  });

  test("a pod that crashes shows its reason soon", async () => {
    using at = open(`${binary} up -i`, "three");
    await at.sees("3 routes");
    const asked = await request("crash.localhost").then((response) => response.text());
    expect(asked).toContain("CrashLoopBackOff");
    await eventually(
      "the reason",
      () => /pod\s+"crash-[^"]*" .*exit code 1/.test(at.rows().slice(-4).join(" ")) || undefined,
      reasonMs,
    ).catch((error: Error) => Promise.reject(new Error(`${error.message}\n${asked}\n${at.screen()}`)));
    expect((await request("web.localhost")).status).toBeLessThan(500);
    await at.sees("● running");
    at.type("qn");
    await at.sees("[exit 0]");
  });

  test("shows a route in detail, with its pods, requests and events, and acts on it", async () => {
    using at = open(`${binary} up -i`, "three", large);
    await at.sees("3 routes");
    at.press("Enter");
    await at.sees("Pods");
    await eventually("a pod", () => /● web-\S+ is ready/.test(at.screen()));
    await request("web.localhost/some/path");
    await at.sees("/some/path");
    await at.sees("is running on web-");
    at.type("x");
    await at.sees("■ stopped");
    expect((await request("web.localhost")).status).toBe(503);
    at.type("x");
    await at.sees("● running");
    expect((await request("web.localhost")).status).toBeLessThan(500);
    at.type("r");
    await at.sees("connected anew");
    at.press("Escape");
    await at.sees("req/s");
    at.type("qn");
    await at.sees("[exit 0]");
  });

  test("reads the logs of pods, of each container, and of the hub", async () => {
    const name = "two-containers";
    // 1 MB, of which as much as people read is shown.
    const longLine = "head -c 1000000 /dev/zero | tr '\\0' x; echo";
    const container = (each: string): object => ({
      name: each,
      image: "kt.test/jump:1",
      imagePullPolicy: "IfNotPresent",
      command: ["sh", "-c", `while :; do ${longLine}; printf 'from ${each} \\033[31mred\\n'; sleep 0.2; done`],
    });
    const labels = { app: name };
    const pod = { apiVersion: "v1", kind: "Pod", metadata: { namespace: own.name, name, labels } };
    await apply(
      { ...pod, spec: { terminationGracePeriodSeconds: 0, containers: [container("one"), container("two")] } },
      service(own.name, name),
    );
    write(`"two.localhost" = "svc/${name}:http"`, "logs");
    using at = open(`${binary} up -i`, "logs");
    await at.sees("1 route");
    at.type("l");
    await eventually("the first container", () => at.screen().includes("from one \\x1b[31mred"), 60_000, 500);
    expect(at.screen()).toContain("xxxxxxxx");
    at.type("c");
    await at.sees("from two");
    at.press("Escape");
    at.type("L");
    await at.sees("events of the hub");
    await at.sees("attached");
    at.type("q");
    await at.sees("req/s");
    at.type("qn");
    await at.sees("[exit 0]");
  });

  test("says that the hub died, and goes on with the next one", async () => {
    using at = open(around(`${binary} up -i`), "three");
    await at.sees("● live");
    const before = (await isRunning()) ?? 0;
    process.kill(before, "SIGKILL");
    await at.sees("the hub died; another one is there");
    const after = await eventually("another hub", async () => {
      const pid = await isRunning();
      return pid !== undefined && pid !== before ? pid : undefined;
    });
    expect(after).not.toBe(before);
    await at.sees("● live");
    at.type("qn");
    await at.sees("[exit 0]");
    expectRestored(at, "three");
  });

  test.each([
    ["SIGTERM", 143],
    ["SIGHUP", 129],
    ["SIGINT", 130],
  ] as const)("%s ends it, with the terminal as before", async (signal, code) => {
    using at = open(around(`sh -c 'echo $$ > pid; exec ${binary} up -i'`), "three");
    await at.sees("● live");
    process.kill(Number(readFileSync(`${home.path}/three/pid`, "utf8")), signal);
    await at.sees(`[exit ${code}]`);
    expectRestored(at, "three");
  });

  test("Ctrl-Z gives the terminal to the shell, and fg gives it back", async () => {
    using at = open(`PS1='$ ' bash --norc -i`, "three");
    await at.sees("$ ");
    at.type(`${binary} up -i`);
    at.press("Enter");
    await at.sees("● live");
    at.press("C-z");
    await at.sees("Stopped");
    expect(at.mode("#{alternate_on} #{cursor_flag}")).toBe("0 1");
    at.type("fg");
    at.press("Enter");
    await at.sees("● live");
    expect(at.mode("#{alternate_on} #{cursor_flag}")).toBe("1 0");
    at.press("Down");
    await eventually("a key", () => at.rows().some((row) => row.startsWith("▸") && !row.includes("web.localhost")));
    at.type("qn");
    await at.sees("$ ");
  });

  test("has no colours with NO_COLOR, and is refused where a terminal cannot be drawn on", async () => {
    using plain = open(`${binary} up -i`, "three", small, { NO_COLOR: "1" });
    await plain.sees("● live");
    expect(plain.styledRows().join("")).not.toContain("\u001b[");
    plain.type("qn");
    await plain.sees("[exit 0]");
    using dumb = open(`TERM=dumb ${binary} tui`, "three");
    await dumb.sees("[exit 2]");
    expect(dumb.screen().replaceAll(/\s+/g, " ")).toContain(
      'kt: error: the full-screen view needs a terminal that can be drawn on, and TERM is "dumb"',
    );
  });

  test("kt status -w goes on, and ends with Ctrl-C", async () => {
    expect((await home.run(["up", "-d"], { project: "three" })).exitCode).toBe(0);
    using at = open(`${binary} status -w`, "three");
    await at.sees("Ctrl-C ends this view");
    expect(at.screen()).toContain("○ idle");
    await request("web.localhost");
    await at.sees("● running");
    at.press("C-c");
    await at.sees("[exit 130]");
    await home.run(["down", "--all"]);
  });

  test("kt run says what it waits for, and leaves nothing of that behind", async () => {
    using at = open(`${binary} run echo done`, "three");
    await eventually("the reason", () => /^[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏] waiting for .*"crash.localhost"/m.test(at.screen()), 10_000);
    at.press("C-c");
    await at.sees("[exit 130]");
    expect(at.screen()).not.toContain("waiting for");
  });

  test("says which profile cannot be used before it takes the screen", async () => {
    home.write("tunnels.toml", "[routes\n", "broken");
    using at = open(`${binary} up -i`, "broken");
    await at.sees("[exit 2]");
    expect(at.screen()).toContain("tunnels.toml:1:");
  });
});

test("a pipe is refused with a sentence", async () => {
  const ran = await run([binary, "tui"], { env: home.env, cwd: `${home.path}/three` });
  expect(ran).toMatchObject({
    exitCode: 2,
    stdout: "",
    stderr: expect.stringContaining("the full-screen view needs a terminal for its input and output"),
  });
});
