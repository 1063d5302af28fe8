/** The whole view over the real control socket, with a hub that tests write, and a terminal that remembers. */

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { systemClock } from "#base/clock.ts";
import { KtError } from "#base/errors.ts";
import { protocolVersion, type Reply, type Request, type RouteStatus } from "#control/api.ts";
import { HubClient } from "#control/client.ts";
import { ControlServer } from "#control/server.ts";
import { RecordingTerminal } from "#test/support/recording-terminal.ts";
import { tempDir } from "#test/support/temp-dir.ts";
import { eventually } from "#test/support/wait.ts";
import { Tui } from "#tui/tui.ts";
import { profile, requestEntry, route } from "./models.ts";

const hello = { protocol: protocolVersion, version: "1", commit: "c", pid: 7 };
const { routes: _, ...head } = profile([]);

/** Says what is asked of it, and what it shows can be changed. */
class FakeHub {
  readonly #path: string;
  readonly asked: Request[] = [];
  readonly #watchers = new Set<(reply: Reply) => void>();
  #server: ControlServer;
  routes: RouteStatus[] = [route("web.localhost", { state: "running" })];

  constructor(path: string) {
    this.#path = path;
    this.#server = this.#serve();
  }

  change(...routes: RouteStatus[]): void {
    this.routes = routes;
    for (const watcher of this.#watchers) watcher(this.#changes());
  }

  stop(): void {
    this.#watchers.clear();
    this.#server.close();
  }

  startAgain(): void {
    this.#server = this.#serve();
  }

  #serve(): ControlServer {
    return new ControlServer({ path: this.#path, hello, handle: (request, _, reply) => this.#handle(request, reply) });
  }

  #handle(request: Request, reply: (reply: Reply) => void): void {
    this.asked.push(request);
    if (request.type === "act" && request.action === "reconnect") throw new KtError("no-ready-pod", "no pod of it is ready");
    if (request.type === "act") reply({ type: "done" });
    if (request.type === "pods")
      reply({ type: "pods", pods: [{ name: "web-1", state: "ready", says: "is ready", restarts: 0, containers: ["app"] }] });
    if (request.type === "requests") reply({ type: "requests", requests: [requestEntry({ path: "/seen" })] });
    if (request.type === "pod-log") reply({ type: "lines", lines: [`log of ${request.pod} ${request.container}`], leftOut: 0 });
    if (request.type !== "watch") return;
    this.#watchers.add(reply);
    reply(this.#changes());
  }

  #changes(): Reply {
    const routes = this.routes.map((each, at) => ({ id: at + 2, order: at, profile: head.profile, route: each }));
    const profiles = [{ id: 1, order: 0, profile: head }];
    return { type: "changes", isAnew: true, hub: { ...hello, startedAtMs: 0 }, profiles, routes, removed: [], isComplete: true };
  }
}

let directory: Awaited<ReturnType<typeof tempDir>>;
let hub: FakeHub;
let terminal: RecordingTerminal;
let left: ReturnType<Tui["run"]>;
let tui: Tui;
let opened: string[];

const connect = (): Promise<HubClient> => HubClient.connect(`${directory.path}/hub.sock`);
const sees = (text: string): Promise<unknown> => eventually(`"${text}"`, () => terminal.text.includes(text));

beforeEach(async () => {
  directory = await tempDir();
  hub = new FakeHub(`${directory.path}/hub.sock`);
  terminal = new RecordingTerminal({ columns: 100, rows: 20, isColoured: false });
  opened = [];
  tui = new Tui({
    terminal,
    clock: systemClock,
    client: await connect(),
    lease: undefined,
    connect,
    connectToo: connect,
    openPage: async (url) => void opened.push(url),
  });
  left = tui.run();
  await sees("web.localhost");
});
afterEach(async () => {
  tui.leave();
  (await left.catch(() => undefined))?.client?.close();
  hub.stop();
  await directory[Symbol.asyncDispose]();
});

describe("the view", () => {
  test("copies by OSC 52, opens, and leaves the terminal as it was", async () => {
    terminal.type("yo");
    expect(terminal.text).toContain(`\u001b]52;c;${Buffer.from("http://web.localhost:8989/").toString("base64")}\u0007`);
    expect(opened).toEqual(["http://web.localhost:8989/"]);
    terminal.type("q");
    expect((await left).keepAttached).toBe(false);
    expect(terminal.isRaw).toBe(false);
    expect(terminal.written.at(-1)).toEndWith("\u001b[?1049l");
    const { length } = terminal.written;
    hub.change(route("late.localhost"));
    terminal.type("j");
    expect(terminal.written.length).toBe(length);
  });

  test("asks the hub to act, and says what came of it", async () => {
    terminal.type("x");
    await sees("web.localhost: stopped");
    terminal.type("r");
    await sees("no pod of it is ready");
    const wanted = { type: "act", profile: head.profile, route: "web.localhost" };
    expect(hub.asked.filter(({ type }) => type === "act")).toEqual([
      { ...wanted, action: "stop" },
      { ...wanted, action: "reconnect" },
    ] as never);
  });

  test("shows the requests of a route in its detail", async () => {
    terminal.type("\r");
    await sees("/seen");
    await sees("● web-1 is ready");
    terminal.type("q");
    await sees("req/s");
  });

  test("reads the log of a container once its pod is known, and leaves it", async () => {
    terminal.type("l");
    await sees("log of web-1 app");
    terminal.type("q");
    await sees("req/s");
  });

  test("shows what is true when a slow terminal has caught up, and not each of fifty changes between", async () => {
    terminal.waitingBytes = 1;
    hub.change(route("first.localhost"));
    await sees("first.localhost");
    const { length } = terminal.written;
    for (let at = 0; at < 50; at++) hub.change(route(`between-${at}.localhost`));
    hub.change(route("last.localhost"));
    terminal.type("?");
    terminal.type("?");
    expect(terminal.written.length).toBe(length);
    terminal.take();
    await sees("last.localhost");
    expect(terminal.written.length - length).toBeLessThanOrEqual(3);
  });

  test("says that the hub is gone, and goes on with the next", async () => {
    hub.stop();
    await sees("the hub was stopped");
    hub.startAgain();
    hub.routes = [route("again.localhost")];
    await sees("again.localhost");
    await sees("the hub was stopped; another one is there");
  });

  test("draws for the new size, and anew after a suspend", async () => {
    terminal.resize(20, 5);
    await sees("this window is 20x5");
    terminal.resize(100, 20);
    terminal.written = [];
    terminal.type("\u001a");
    await eventually("it to go on", () => terminal.suspensions === 1 && terminal.text.includes("web.localhost"));
    expect(terminal.text.indexOf("\u001b[?1049l")).toBeLessThan(terminal.text.lastIndexOf("\u001b[?1049h"));
  });

  test("an error gives the terminal back, and is passed on", async () => {
    tui.fail(new Error("wrong"));
    await expect(left).rejects.toThrow("wrong");
    expect(terminal.isRaw).toBe(false);
  });

  test("Escape alone is a key soon after", async () => {
    terminal.type("/web");
    terminal.type("\u001b");
    await eventually("the filter to go", () => terminal.written.at(-1)?.includes("Enter detail"));
  });
});
