/** The questions of `kt add` and `kt init` in a real terminal, on a real cluster; and the same without questions, on files of any style. */

import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { listen } from "bun";
import {
  adminKubeconfig,
  apply,
  createUser,
  namespace,
  ownCluster,
  ownNamespace,
  run,
  service,
  writeKubeconfig,
} from "#test/support/cluster.ts";
import { binary, Home, Kt } from "#test/support/kt.ts";
import { freePorts } from "#test/support/process.ts";
import { noTerminal, Terminal } from "#test/support/terminal.ts";
import { eventually } from "#test/support/wait.ts";

/** Comments, tabs, an inline table, no last line end: nothing of it may change. */
const odd = `# Shop\n\nname   =  "odd" # why not\ntcp = {  9 = "svc/none:9"  }   # one\n\n\t[routes]\t# hosts\n\t'one.localhost'="svc/one:80"\n\t# "old.localhost" = "svc/old:80"\n\n[env]\nA = "[routes]"`;

const home = new Home();
const profile = home.write("tunnels.toml", odd);
const text = (): string => readFileSync(profile, "utf8");
let own: Awaited<ReturnType<typeof ownNamespace>>;

beforeAll(async () => {
  own = await ownNamespace("wizard");
  await apply(
    service(own.name, "argocd-server"),
    service(own.name, "grafana", {
      ports: [
        { name: "http", port: 80 },
        { name: "metrics", port: 9090 },
      ],
    }),
    service(own.name, "postgresql", { ports: [{ port: 5432 }] }),
  );
});
beforeEach(() => void home.write("tunnels.toml", odd));
afterAll(async () => {
  await own?.remove();
  await home.close();
});

function terminal(command: string, env: Readonly<Record<string, string>> = {}): Terminal {
  return Terminal.open(home.path, `${binary} ${command}`, { cwd: `${home.path}/project`, env: { ...home.env, ...env } });
}

/** Types a part of a name into a list, and takes it. */
async function find(at: Terminal, question: string, typed: string): Promise<void> {
  await at.sees(question);
  at.type(typed);
  await at.sees(`● ${typed}`);
  at.press("Enter");
}

/** What the text has more than another, in one piece. */
function added(before: string, after: string): string {
  let from = 0;
  while (from < before.length && before[from] === after[from]) from++;
  const length = after.length - before.length;
  expect(after.slice(from + length)).toBe(before.slice(from));
  return after.slice(from, from + length);
}

describe.skipIf(noTerminal !== undefined)(`in a terminal${noTerminal === undefined ? "" : `: ${noTerminal}`}`, () => {
  test("kt add goes from a namespace to a hostname, and writes that line alone", async () => {
    using at = terminal("add");
    await find(at, "Which namespace?", own.name);
    await find(at, "What should kt reach?", "svc/grafana");
    await at.sees("Which port?");
    at.press("Enter");
    await at.sees("Where do you want to reach it?");
    await at.sees("grafana.localhost");
    at.press("Enter");
    await at.sees("will be written to");
    expect(text()).toBe(odd);
    await at.sees("Write it?");
    at.press("Enter");
    await at.sees("[exit 0]");
    expect(at.screen()).toContain("http://grafana.localhost:8989");
    expect(added(odd, text()).trim()).toBe(`"grafana.localhost" = "${own.name}/svc/grafana:http"`);
    expect(await home.run(["rm", "grafana.localhost"])).toMatchObject({ exitCode: 0 });
    expect(text()).toBe(odd);
  });

  test("kt add takes a whole namespace, below what the file has, and no second time", async () => {
    const ask = async (): Promise<Terminal> => {
      const at = terminal("add");
      await find(at, "Which namespace?", own.name);
      await find(at, "What should kt reach?", "every service of the namespace");
      return at;
    };
    using first = await ask();
    await first.sees("Write it?");
    first.press("Enter");
    await first.sees("[exit 0]");
    expect(added(odd, text()).trim()).toBe(`[[forward]]\nnamespaces = ["${own.name}"]`);
    using second = await ask();
    await second.sees("[exit 2]");
    expect(second.screen()).toContain("is forwarded already");
    expect((await home.run(["check"])).exitCode).toBe(0);
  });

  test("what is taken is refused: a routed name, and a port that another program has", async () => {
    const [port = 0] = freePorts(1);
    using held = listen({ hostname: "127.0.0.1", port, socket: { data() {} } });
    using at = terminal("add");
    await find(at, "Which namespace?", own.name);
    await find(at, "What should kt reach?", "svc/postgresql");
    await at.sees("Where do you want to reach it?");
    at.press("C-u");
    at.type("one.localhost");
    at.press("Enter");
    await at.sees('"one.localhost" is routed already: "one.localhost" in tunnels.toml:7:2');
    at.press("C-u");
    at.type(String(held.port));
    at.press("Enter");
    await at.sees(`another program listens on ${held.port}`);
    at.press("C-c");
    await at.sees("[exit 130]");
    expect(text()).toBe(odd);
  });

  test("an address through a pod that is made", async () => {
    using at = terminal("add 13306");
    await find(at, "Which namespace?", own.name);
    await find(at, "What should kt reach?", "an address through a jump host");
    await at.sees("Which address");
    at.type("orders.internal");
    at.press("Enter");
    await at.sees("names no port");
    at.type(":3306");
    at.press("Enter");
    await find(at, "Through what?", "a pod that kt makes");
    await at.sees("Write it?");
    at.press("Enter");
    await at.sees("[exit 0]");
    const via = `{ pod = "${own.name}/kt-jump", create = {} }`;
    expect(added(odd, text())).toBe(`, 13306 = { target = "orders.internal:3306", via = ${via} }`);
    expect((await home.run(["check"])).exitCode).toBe(0);
    await home.run(["rm", "13306"]);
    expect(text()).toBe(odd);
  });

  /** Each: what is done up to the question, and what the question is. */
  const steps: [question: string, answer: (at: Terminal) => Promise<void>][] = [
    ["Which namespace?", (at) => find(at, "Which namespace?", own.name)],
    ["What should kt reach?", (at) => find(at, "What should kt reach?", "svc/grafana")],
    ["Which port?", async (at) => at.press("Enter")],
    ["Where do you want to reach it?", async (at) => at.press("Enter")],
    ["Write it?", async (at) => at.press("Enter")],
  ];
  for (const [key, name] of [
    ["C-c", "Ctrl-C"],
    ["Escape", "Esc"],
  ] as const) {
    test.each(steps.map(([question], index) => [question, index] as const))(
      `${name} at "%s" leaves the file as it was`,
      async (_, index) => {
        using at = terminal("add");
        for (const [question, answer] of steps.slice(0, index)) {
          await at.sees(question);
          await answer(at);
        }
        await at.sees(steps[index]?.[0] ?? "");
        at.press(key);
        await at.sees("[exit 130]");
        expect(at.screen()).toContain("nothing was written");
        expect(text()).toBe(odd);
      },
    );
  }

  test("Enter where nothing is found does not leave the questions", async () => {
    using at = terminal("add");
    await at.sees("Which namespace?");
    at.type("no such namespace");
    await at.sees("No matches found");
    at.press("Enter");
    await at.sees("type less of it");
    at.press("C-c");
    await at.sees("nothing was written");
  });

  test("a no is no", async () => {
    using at = terminal("add");
    for (const [question, answer] of steps.slice(0, -1)) {
      await at.sees(question);
      await answer(at);
    }
    await at.sees("Write it?");
    at.type("n");
    await at.sees("[exit 0]");
    expect(at.screen()).toContain("nothing was written");
    expect(text()).toBe(odd);
  });

  test("a profile that cannot be read is refused before the first question", async () => {
    const broken = home.write("tunnels.toml", "[routes\n", "broken");
    using at = terminal(`add -f ${broken}`);
    await at.sees("[exit 2]");
    expect(at.screen()).toContain("tunnels.toml:1:");
    expect(readFileSync(broken, "utf8")).toBe("[routes\n");
  });

  test("a hostname that is routed is refused before the first question", async () => {
    using at = terminal("add One.localhost");
    await at.sees("[exit 2]");
    expect(at.screen()).toContain('"One.localhost" is routed already');
    expect(at.screen()).not.toContain("Which");
  });

  test("the profile's own namespace is pointed at to begin with, and not written", async () => {
    home.write("tunnels.toml", `namespace = "${own.name}"\n`);
    using at = terminal("add");
    await at.sees(`● ${own.name}`);
    at.press("Enter");
    await find(at, "What should kt reach?", "svc/postgresql");
    await at.sees("Where do you want to reach it?");
    at.press("C-u");
    at.type("127.0.0.1:15432");
    at.press("Enter");
    await at.sees("Write it?");
    at.press("Enter");
    await at.sees("[exit 0]");
    expect(text()).toBe(`namespace = "${own.name}"\n\n[tcp]\n"127.0.0.1:15432" = "svc/postgresql:5432"\n`);
  });

  test("who may not list namespaces types one, and is offered what is in it", async () => {
    const token = await createUser(own.name, "lister", [{ apiGroups: [""], resources: ["services"], verbs: ["list"] }]);
    using at = terminal("add", { KUBECONFIG: await writeKubeconfig({ limited: { user: { token } } }) });
    await at.sees("they may not be listed");
    at.press("C-u");
    at.type(own.name);
    at.press("Enter");
    await find(at, "What should kt reach?", "svc/postgresql");
    await at.sees("5432");
    at.press("Escape");
    await at.sees("[exit 130]");
  });

  test("services that may not be listed are named as such, and typed", async () => {
    const token = await createUser(own.name, "docs", [
      { apiGroups: [""], resources: ["services"], verbs: ["get"] },
      { apiGroups: [""], resources: ["pods"], verbs: ["get", "list", "watch"] },
    ]);
    using at = terminal("add", { KUBECONFIG: await writeKubeconfig({ limited: { user: { token } } }) });
    await at.sees("they may not be listed");
    at.press("C-u");
    at.type(own.name);
    at.press("Enter");
    await find(at, "services may not be listed here: type svc/NAME:PORT", "svc/grafana:http");
    await at.sees("Where do you want to reach it?");
    await at.sees("grafana.localhost");
    at.press("Enter");
    await at.sees("Write it?");
    at.press("Enter");
    await at.sees("[exit 0]");
    expect(text()).toContain(`svc/grafana:http`);
  });

  test("several contexts are asked for, and another one than the usual is written", async () => {
    using at = terminal("add x.localhost", { KUBECONFIG: await writeKubeconfig({ first: {}, second: {} }) });
    await find(at, "Which context?", "second");
    await find(at, "Which namespace?", own.name);
    await find(at, "What should kt reach?", "svc/grafana");
    await at.sees("Which port?");
    at.press("Enter");
    await at.sees("Write it?");
    at.press("Enter");
    await at.sees("[exit 0]");
    const block = `[routes."x.localhost"]\ntarget = "${own.name}/svc/grafana:http"\ncontext = "second"`;
    expect(text()).toBe(odd.replace("[env]", `${block}\n\n[env]`));
    await home.run(["rm", "x.localhost"]);
    expect(text()).toBe(odd);
  });

  test("a cluster that is away is reported, with the way to do without it", async () => {
    const [port = 0] = freePorts(1);
    using at = terminal("add", { KUBECONFIG: await writeKubeconfig({ away: { cluster: { server: `https://127.0.0.1:${port}` } } }) });
    await at.sees("[exit 3]");
    expect(at.screen()).toContain("kt add HOST|PORT TARGET needs no cluster");
    expect(text()).toBe(odd);
  });

  test("a cluster that does not answer is not waited for longer than its user wants", async () => {
    using silent = listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
    const server = `https://127.0.0.1:${silent.port}`;
    using at = terminal("add", { KUBECONFIG: await writeKubeconfig({ silent: { cluster: { server } } }) });
    await at.sees('asking "silent" for its namespaces');
    at.press("C-c");
    await at.sees("[exit 130]");
    expect(text()).toBe(odd);
  });

  describe("kt init", () => {
    const env = (): Record<string, string> => ({ KT_ARGOCD_NAMESPACE: own.name });

    test("offers the shipped profiles that fit", async () => {
      home.write(".keep", "", "new");
      using at = Terminal.open(home.path, `${binary} init`, { cwd: `${home.path}/new`, env: { ...home.env, ...env() } });
      await at.sees("kt:argocd");
      at.press("Enter");
      await at.sees("Another route?");
      at.press("Enter");
      await at.sees("[exit 0]");
      expect(readFileSync(`${home.path}/new/tunnels.toml`, "utf8")).toContain('\nextends = ["kt:argocd"]\n');
    });

    test("offers the services of the namespace, then another, and what is taken serves", async () => {
      home.write(".keep", "", "services");
      const shop = await ownNamespace("init");
      const ports = [
        { name: "http", port: 80 },
        { name: "metrics", port: 9090 },
      ];
      await apply(service(shop.name, "grafana", { ports }), service(shop.name, "records", { ports: [{ port: 5432 }] }));
      const KUBECONFIG = await writeKubeconfig({ own: { namespace: shop.name } });
      using at = Terminal.open(home.path, `${binary} init`, { cwd: `${home.path}/services`, env: { ...home.env, KUBECONFIG } });
      await at.sees(`Which services of namespace "${shop.name}"`);
      const offered = await at.sees("svc/records:5432");
      expect(offered).toContain("svc/grafana:http");
      expect(offered).toContain("svc/grafana:metrics");
      at.press("Down", "Space", "Down", "Down", "Space", "Enter");
      await at.sees("Another route?");
      at.press("Down", "Enter");
      await at.sees("Which namespace?");
      at.press("Escape");
      await at.sees("[exit 0]");
      const written = readFileSync(`${home.path}/services/tunnels.toml`, "utf8");
      expect(written).toStartWith("#:schema ./tunnels.schema.json\n");
      expect(written).toMatch(/\[routes\]\n"grafana\.localhost" = "svc\/grafana:http"\n# "/);
      expect(written).toMatch(/\[tcp\]\n\d+ = "svc\/records:5432"\n/);
      expect((await home.run(["check"], { project: "services", env: { KUBECONFIG } })).exitCode).toBe(0);
      await shop.remove();
    });

    test("offers the whole namespace, whose services are then served at their addresses", async () => {
      home.write(".keep", "", "whole");
      const shop = await ownNamespace("init-whole");
      await apply(service(shop.name, "records", { ports: [{ port: 5432 }] }));
      const KUBECONFIG = await writeKubeconfig({ own: { namespace: shop.name } });
      using at = Terminal.open(home.path, `${binary} init`, { cwd: `${home.path}/whole`, env: { ...home.env, KUBECONFIG } });
      await at.sees("every service, each at an address of its own");
      at.press("Space", "Enter");
      await at.sees("Another route?");
      at.press("Enter");
      await at.sees("[exit 0]");
      const path = `${home.path}/whole/tunnels.toml`;
      expect(readFileSync(path, "utf8")).toContain(`\n[[forward]]\nnamespaces = ["${shop.name}"]\n`);
      const listen = freePorts(1).map((port) => `\n[http]\nlisten = ["127.0.0.1:${port}"]\n[addresses]\nbase = "127.65.1.1"\n`);
      writeFileSync(path, readFileSync(path, "utf8") + listen);
      const shown = await home.run(["up", "-d"], { project: "whole", env: { KUBECONFIG } });
      expect(shown.stdout).toMatch(/127\.65\.1\.\d+:5432 +records\./);
      await home.run(["down", "--all"]);
      await shop.remove();
    });

    test("Ctrl-C writes nothing", async () => {
      home.write(".keep", "", "none");
      using at = Terminal.open(home.path, `${binary} init`, { cwd: `${home.path}/none`, env: { ...home.env, ...env() } });
      await at.sees("kt:argocd");
      at.press("C-c");
      await at.sees("[exit 130]");
      expect(existsSync(`${home.path}/none/tunnels.toml`)).toBe(false);
    });
  });
});

describe("without questions", () => {
  /** Each is written in another way, and has `one.localhost` and 9 in it. */
  const files: [string, string][] = [
    ["odd spacing", odd],
    ["lines of Windows", odd.replaceAll("\n", "\r\n")],
    ["inline tables", 'routes={"one.localhost"="svc/one:80"} # r\ntcp = {9="svc/none:9"}\n\n# end\n'],
    ["dotted keys", '# top\nroutes."one.localhost" = "svc/one:80" # r\ntcp . 9 . target = "svc/none:9"\n[env]\n'],
    ["tables", '[tcp.9] # nine\n# in it\ntarget = "svc/none:9"\n\n# the one\n[routes."one.localhost"]\ntarget="svc/one:80"\n\n[env]\n'],
  ];
  const routes: [string, string[]][] = [
    ["two.localhost", ["two.localhost", "shop/svc/two:http"]],
    ["5432", ["5432", "databases/svc/postgresql:5432"]],
    ["3306", ["3306", "db.internal:3306", "--via", "default/svc/api", "--container", "main"]],
  ];

  test.each(files)("kt add and kt rm change nothing else in a file with %s", async (name, before) => {
    const folder = name.replaceAll(" ", "-");
    const path = home.write("tunnels.toml", before, folder);
    for (const [local, args] of routes) {
      expect(await home.run(["add", ...args], { project: folder })).toMatchObject({ exitCode: 0, stderr: "" });
      expect(added(before, readFileSync(path, "utf8"))).toContain(local);
      expect(await home.run(["rm", local], { project: folder })).toMatchObject({ exitCode: 0 });
      expect(readFileSync(path, "utf8")).toBe(before);
    }
    expect(await home.run(["rm", "one.localhost", "9"], { project: folder })).toMatchObject({ exitCode: 0 });
    const left = readFileSync(path, "utf8");
    expect(left).not.toMatch(/svc\/(one|none)/);
    expect((await home.run(["check"], { project: folder })).stdout).toContain("fine, with 0 routes, 0 patterns and 0 TCP routes");
  });

  test.skipIf(!ownCluster)("a file that is mounted by itself, as into containers, is written in its place", async () => {
    const inside = home.write("tunnels.toml", "", "mounted");
    const outside = home.write("outside.toml", odd);
    expect(await run(["mount", "--bind", outside, inside])).toMatchObject({ exitCode: 0 });
    try {
      expect(await home.run(["add", "two.localhost", "svc/two:80"], { project: "mounted" })).toMatchObject({ exitCode: 0 });
      expect(added(odd, readFileSync(outside, "utf8"))).toContain("two.localhost");
    } finally {
      await run(["umount", inside]);
    }
  });

  test("a running hub serves what is added, and drops what is removed", async () => {
    const [port = 0] = freePorts(1);
    await using kt = await Kt.serve(port, `[http]\nlisten = ["127.0.0.1:${port}"]\n`, { KUBECONFIG: adminKubeconfig });
    const status = async (): Promise<number> => (await kt.fetch("new.localhost", "/")).status;
    expect(await status()).toBe(404);
    await kt.home.run(["add", "new.localhost", `${namespace}/svc/web:http`]);
    await eventually("the route to be there", async () => (await status()) === 200);
    await kt.home.run(["rm", "new.localhost"]);
    await eventually("the route to go", async () => (await status()) === 404);
  });
});
