/** `[env]` filled in, and read back by the shells and the .env readers that it is written for. */

import { describe, expect, test } from "bun:test";
import { write, spawnSync, which } from "bun";
import fc from "fast-check";
import { type EnvFormat, formatVariables, isUnsureInDotenv } from "#cli/run/env-format.ts";
import { proxyVariables, routesOf, variablesOf } from "#daemon/status/plan-env.ts";
import { loadPlan } from "#profile/load.ts";
import type { Plan } from "#profile/values/plan.ts";
import { SourceHome } from "#test/support/source-home.ts";
import { tempDir } from "#test/support/temp-dir.ts";

async function planOf(text: string): Promise<Plan> {
  const readText = async (path: string): Promise<string | undefined> => (path === "/shop/tunnels.toml" ? text : undefined);
  return (await loadPlan({ file: "/shop/tunnels.toml", environment: { USER_NAME: "me" }, home: "/", readText, system: "linux" })).plan;
}

const profile = `
[http]
listen = ["127.0.0.1:8989", "[::1]:8989"]
[routes]
"grafana.localhost" = "monitoring/svc/grafana:http"
"argocd.localhost" = "argocd/svc/argocd-server:443"
[tcp]
5432 = "svc/db:5432"
"0.0.0.0:6379" = { target = "svc/cache:6379", expose = true }
`;

describe("the proxy", () => {
  test("is named in both cases of letters, and hosts that the shell leaves out stay left out", async () => {
    const set = proxyVariables(await planOf('[proxy]\nlisten = "127.0.0.1:8988"\nenv = true\n'), { no_proxy: "intranet.example" }, [
      "api.example.com",
    ]);
    const shouted = Object.entries(set).filter(([name]) => name === name.toUpperCase());
    expect(Object.fromEntries(shouted)).toEqual({
      ALL_PROXY: "socks5h://127.0.0.1:8988",
      HTTP_PROXY: "http://127.0.0.1:8988",
      HTTPS_PROXY: "http://127.0.0.1:8988",
      NO_PROXY: "localhost,.localhost,127.0.0.1,127.0.0.0/8,::1,api.example.com,intranet.example",
    });
    for (const [name, value] of shouted) expect(set[name.toLowerCase()]).toBe(value);
    expect(Object.keys(set)).toHaveLength(8);
  });

  test("is not named where the profile does not ask for that", async () => {
    expect(proxyVariables(await planOf("[proxy]\nlisten = 8988\n"), {}, [])).toEqual({});
  });
});

describe("references", () => {
  test("are filled with what to open and to connect to", async () => {
    const plan = await planOf(`${profile}
[env]
DATABASE_URL = "postgres://\${USER_NAME}@\${tcp.5432.address}/app"
PGHOST = "\${tcp.5432.host}"
PGPORT = "\${tcp.5432.port}"
GRAFANA = "\${routes.Grafana.localhost.url}/d and \${routes.grafana.localhost.host}:\${routes.grafana.localhost.port}"
ARGOCD = "\${routes.argocd.localhost.url}"
PLAIN = "$HOME"
`);
    expect(variablesOf(plan, new Map())).toEqual({
      DATABASE_URL: "postgres://me@localhost:5432/app",
      PGHOST: "localhost",
      PGPORT: "5432",
      GRAFANA: "http://grafana.localhost:8989/d and 127.187.249.216:8989",
      ARGOCD: "https://argocd.localhost:8989",
      PLAIN: "$HOME",
    });
  });

  test("of forwarded services are filled with where they are listened on now", async () => {
    const plan = await planOf(
      '[[forward]]\n[env]\nDB = "postgres://${forward.db.shop:5432.address}/app"\nPORT = "${forward.web.shop:80.port}"\n',
    );
    const forwarded = new Map([
      ["db.shop:5432", "127.1.27.1:5432"],
      ["web.shop:80", "127.1.27.2:8080"],
    ]);
    expect(variablesOf(plan, forwarded)).toEqual({ DB: "postgres://127.1.27.1:5432/app", PORT: "8080" });
    expect(routesOf(plan)).toEqual([]);
    expect(() => variablesOf(plan, new Map([["db.shop:5433", ""]]))).toThrow("names a port that is not forwarded");
  });

  test("are none behind a doubled dollar, and none in what comes from the environment", async () => {
    const readText = async (path: string): Promise<string | undefined> =>
      path === "/shop/tunnels.toml" ? `${profile}\n[env]\nA = "$\${tcp.9.port} pa$$w$"\nB = "\${SECRET}"\nC = "\${NONE:-x$$y}"` : undefined;
    const environment = { SECRET: "$$${routes.none.url}$" };
    const { plan } = await loadPlan({ file: "/shop/tunnels.toml", environment, home: "/", readText });
    expect(variablesOf(plan, new Map())).toEqual({ A: "${tcp.9.port} pa$w$", B: environment.SECRET, C: "x$y" });
    expect(routesOf(plan)).toHaveLength(4);
  });

  test("say which routes a command needs; where there are none it needs every static route", async () => {
    expect(routesOf(await planOf(profile))).toEqual(["grafana.localhost", "argocd.localhost", "5432", "0.0.0.0:6379"]);
    expect(routesOf(await planOf(`${profile}\n[env]\nA = "plain"`))).toHaveLength(4);
    expect(routesOf(await planOf(`${profile}\n[env]\nA = "\${tcp.5432.port}"\nB = "\${routes.ARGOCD.localhost.host}"`))).toEqual([
      "argocd.localhost",
      "5432",
    ]);
  });
});

/** Everything that an environment can hold, with what shells care about more often than by chance. */
const special = fc.constantFrom(
  "'",
  '"',
  "\\",
  "$",
  "`",
  "\n",
  "$HOME",
  "$(id)",
  "`id`",
  "!",
  "*",
  "~",
  " ",
  "#",
  ";",
  "&",
  "\\n",
  "é",
  "日本",
  "🙂",
  "\t",
);
const value = fc
  .array(fc.oneof(special, fc.string({ unit: "binary" })), { maxLength: 8 })
  .map((parts) => parts.join("").replaceAll("\0", ""));
const values = fc.array(
  value.filter((text) => text.isWellFormed()),
  { minLength: 1, maxLength: 20 },
);

/** Prints the variables as a program finds them, so that what is compared has been through the shell. */
const printer = `process.stdout.write(JSON.stringify(Object.entries(process.env).filter(([name]) => name.startsWith("KT_T_"))))`;

async function readBack(directory: string, command: readonly string[], text: string): Promise<Record<string, string>> {
  await write(`${directory}/variables`, `${text}\n`);
  await write(`${directory}/print.ts`, printer);
  const ran = spawnSync([...command], { cwd: directory, env: { PATH: process.env["PATH"] ?? "", HOME: directory, BUN: process.execPath } });
  if (ran.exitCode !== 0) throw new Error(`${command.join(" ")}: ${ran.stderr.toString()}`);
  return Object.fromEntries(JSON.parse(ran.stdout.toString()));
}

function named(list: readonly string[]): Record<string, string> {
  return Object.fromEntries(list.map((text, index) => [`KT_T_${index}`, text]));
}

const evalLine = 'eval "$(cat variables)"; "$BUN" run print.ts';
const readers: readonly (readonly [shell: string, format: EnvFormat, command: readonly string[]])[] = [
  ["sh", "sh", ["sh", "-c", evalLine]],
  ["bash", "sh", ["bash", "-c", evalLine]],
  ["dash", "sh", ["dash", "-c", evalLine]],
  ["zsh", "sh", ["zsh", "-f", "-c", evalLine]],
  ["busybox", "sh", ["busybox", "sh", "-c", evalLine]],
  ["fish", "sh", ["fish", "-N", "-c", 'cat variables | source; "$BUN" run print.ts']],
  ["fish", "fish", ["fish", "-N", "-c", 'cat variables | source; "$BUN" run print.ts']],
  ["fish", "fish", ["fish", "-N", "-c", 'eval (cat variables); "$BUN" run print.ts']],
];

describe("what is printed comes back as it was", () => {
  for (const [shell, format, command] of readers) {
    test.skipIf(which(shell) === null)(`${format} by ${command.slice(0, -1).join(" ")} '${command.at(-1)}'`, async () => {
      await using directory = await tempDir();
      await fc.assert(
        fc.asyncProperty(values, async (list) => {
          expect(await readBack(directory.path, command, formatVariables(named(list), format))).toEqual(named(list));
        }),
        { numRuns: 10 },
      );
    });
  }

  test("json by a parser", () =>
    fc.assert(fc.property(values, (list) => expect(JSON.parse(formatVariables(named(list), "json"))).toEqual(named(list)))));

  test("dotenv by Node, as far as readers agree", async () => {
    await using directory = await tempDir();
    const read = `const { parseEnv } = require("node:util");
process.stdout.write(JSON.stringify(Object.entries(parseEnv(require("fs").readFileSync("variables", "utf8")))))`;
    const sure = values.map((list) => list.map((text) => text.replaceAll("\r", "")).filter((text) => !isUnsureInDotenv(text)));
    await fc.assert(
      fc.asyncProperty(sure, async (list) => {
        expect(await readBack(directory.path, ["node", "-e", read], formatVariables(named(list), "dotenv"))).toEqual(named(list));
      }),
      { numRuns: 10 },
    );
  });

  test("dotenv without quotes where none are needed, and a warning where readers disagree", () => {
    const variables = { A: "postgres://app@localhost:5432/app", B: "a b", C: "it's", D: "" };
    expect(formatVariables(variables, "dotenv")).toBe("A=postgres://app@localhost:5432/app\nB='a b'\nC=\"it's\"\nD=");
    expect(["it's", 'a "b"', "a\\b", "$x"].map(isUnsureInDotenv)).toEqual([false, false, false, false]);
    expect(["it's $x", `'"`, "a\\\\b", "a\\"].map(isUnsureInDotenv)).toEqual([true, true, true, true]);
  });
});

test("no variables print nothing that a shell could trip over", () => {
  expect(formatVariables({}, "sh")).toBe("");
  expect(formatVariables({}, "json")).toBe("{}");
});

test("kt env prints for sh unless told otherwise, and needs no hub", async () => {
  await using home = await SourceHome.make();
  const onThisMachine = profile.replace(/^.*expose.*\n/m, "");
  await write(`${home.project}/tunnels.toml`, `${onThisMachine}\n[env]\nNAME = "it's \${tcp.5432.address}"\n`);
  expect(await home.run(["env"], { SHELL: "/usr/bin/fish" })).toEqual({
    exitCode: 0,
    stdout: `export NAME='it'"'"'s localhost:5432'\n`,
    stderr: "",
  });
  expect((await home.run(["env", "--format", "fish"])).stdout).toBe("set -gx NAME 'it\\'s localhost:5432';\n");
  const json = await home.run(["env", "--json"]);
  expect(JSON.parse(json.stdout)).toEqual({ NAME: "it's localhost:5432" });
  expect(await home.run(["env", "--format", "json"])).toEqual(json);
  expect(await home.run(["env", "--json", "--format", "fish"])).toMatchObject({ exitCode: 2, stdout: "" });
  expect(await home.run(["env", "--format", "xml"])).toMatchObject({ exitCode: 2, stdout: "" });
  expect(await home.hubPid()).toBeUndefined();
});
