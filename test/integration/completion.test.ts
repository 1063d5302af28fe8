/** What completions offer, for words as shells hand them over; test/e2e/completion.e2e.ts presses Tab in the shells themselves. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmod } from "node:fs/promises";
import { file, listen, write } from "bun";
import fc from "fast-check";
import { commands, globalOptions } from "#cli/commands.ts";
import { bashReplies, readBashLine } from "#cli/completion/bash.ts";
import { type Answer, answerFor } from "#cli/completion/offers.ts";
import { settingOffers } from "#cli/completion/setting-offers.ts";
import { ApiServer } from "#demo/api-server.ts";
import { putWorkload } from "#demo/workloads.ts";
import { loadPlan } from "#profile/load.ts";
import { tuning } from "#profile/sections/tuning.ts";
import { SourceHome } from "#test/support/source-home.ts";

/** What is looked up is answered with what was asked. */
function answer(line: string): Promise<Answer> {
  const lookUp = async (
    kind: string,
    typed: string,
    { args, options }: { args: readonly string[]; options: ReadonlyMap<string, string> },
  ) => [{ value: `${kind}(${[typed, ...args, ...[...options].flat()].join(" ")})`, about: "" }];
  return answerFor(line.split(" "), { commands, globals: globalOptions }, lookUp);
}

async function offered(line: string): Promise<readonly string[] | string> {
  const found = await answer(line);
  return found.kind === "words" ? found.offers.map(({ value }) => value) : found.kind;
}

describe("what may come next", () => {
  test("is a command, and no hidden one", async () => {
    const names = await offered("");
    expect(names).toContain("up");
    expect(names).toContain("completion");
    expect(names).not.toContain("complete");
    expect(await offered("-v sta")).toEqual(names);
    expect(await offered("help u")).toEqual(names);
    expect(await offered("frobnicate ")).toEqual([]);
  });

  test("is the second word of a command that has two", async () => {
    expect(await offered("ed")).toContain("edge");
    expect(await offered("edge ")).toContain("manifests");
    expect(await offered("edge manifests ")).toEqual([]);
    expect(await offered("edge nothing ")).toEqual([]);
    expect(await offered("edge manifests --")).toContain("--json");
  });

  test("is an option of the command or of all", async () => {
    expect(await offered("up -")).toEqual([
      "--file",
      "--detach",
      "--interactive",
      "--namespace",
      "--context",
      "--set",
      "--verbose",
      "--quiet",
      "--log-format",
      "--help",
    ]);
    expect(await offered("-")).toEqual(["--verbose", "--quiet", "--log-format", "--help"]);
    expect(await offered("url -- -")).toEqual(["ROUTE(-)"]);
  });

  test.each([
    ["env --format ", ["sh", "fish", "json", "dotenv"]],
    ["env --format=", ["--format=sh", "--format=fish", "--format=json", "--format=dotenv"]],
    ["--log-format t", ["text", "json"]],
    ["completion ", ["bash", "zsh", "fish"]],
    ["add 1 db:1 --method ", ["auto", "socat", "nc"]],
    ["up --detach=", []],
    ["up x", []],
  ])("of %j is a word of the help", async (line, words) => expect(await offered(line)).toEqual(words));

  test.each(["allow ", "deny sh", "up -f ", "up --file ", "serve -qf ", "up --file=", "serve "])("of %j is a file", async (line) =>
    expect(await offered(line)).toBe("files"),
  );

  test.each([
    ["url ", "ROUTE()"],
    ["logs graf", "ROUTE(graf)"],
    ["rm a b", "ROUTES(b a)"],
    ["explain -f x.toml gr", "HOST|PORT(gr --file x.toml)"],
    ["forward svc/", "TYPE/NAME(svc/)"],
    ["forward -n shop --context=dev svc/web 8", "PORTS(8 svc/web --namespace shop --context dev)"],
    ["forward -nshop svc/web 8", "PORTS(8 svc/web --namespace shop)"],
    ["forward --context ", "CONTEXT( --context )"],
    ["add a.localhost mon", "TARGET(mon a.localhost)"],
    ["up --set health.", "KEY=VALUE(health. --set )"],
    ["up --set retry.max=1 --set health.interval=", "KEY=VALUE(health.interval= --set )"],
    ["run --set=health.interval=1", "--set=KEY=VALUE(health.interval=1)"],
  ])("of %j is looked up", async (line, asked) => expect(await offered(line)).toEqual([asked]));

  test.each([
    ["run ", 1],
    ["run gi", 1],
    ["run git che", 1],
    ["run -f x git --fi", 3],
    ["run -- git", 2],
    ["-v run git", 2],
  ])("of %j is the other program's, from word %d on", async (line, from) => expect(await answer(line)).toEqual({ kind: "command", from }));

  test("never fails, whatever is typed", () =>
    fc.assert(
      fc.asyncProperty(fc.array(fc.oneof(fc.string(), fc.constantFrom("run", "url", "--", "-f", "--file=", "help"))), async (words) => {
        expect(await answer(words.join(" "))).toBeDefined();
      }),
    ));
});

describe("bash", () => {
  const breaks = " \t\n\"'@><=;|&(:";
  const replies = (line: string, ...values: string[]): string[] =>
    bashReplies(
      values.map((value) => ({ value, about: "" })),
      readBashLine(line, line.length),
      breaks,
    );

  test.each([
    ["kt", []],
    ["kt ", [""]],
    ["kt  up   -f x", ["up", "-f", "x"]],
    ["kt url 'a b' \"c'd\" e\\ f", ["url", "a b", "c'd", "e f"]],
    ['kt run "x \\" y" \'\'', ["run", 'x " y', ""]],
  ])("%s", (line, words) => expect([...readBashLine(line, line.length).words]).toEqual(words));

  test("what is behind the cursor does not count", () => {
    expect(readBashLine("kt up --de x", 7).words).toEqual(["up", "-"]);
  });

  test("gets a space after what is whole, and none after what goes on", () => {
    expect(replies("kt u", "up", "url", "down")).toEqual(["up ", "url "]);
    expect(replies("kt forward s", "svc/", "pod/")).toEqual(["svc/"]);
  });

  test("gets only what follows the last of its word breaks", () => {
    expect(replies("kt add x mon/svc/web:h", "mon/svc/web:http")).toEqual(["http "]);
    expect(replies("kt env --format=", "--format=sh")).toEqual(["sh "]);
    expect(replies("kt url 127.0.0.1:", "127.0.0.1:5432")).toEqual(["5432 "]);
    expect(replies("kt url '127.0.0.1:", "127.0.0.1:5432")).toEqual(["127.0.0.1:5432"]);
  });

  test("gets nothing that it would expand", () => {
    expect(replies("kt url ", "[::1]:5432", "a b", "$x")).toEqual(["\\[::1\\]:5432 ", "a\\ b ", "\\$x "]);
  });
});

describe("kt complete", () => {
  const api = new ApiServer();
  let home: SourceHome;

  beforeAll(async () => {
    home = await SourceHome.make();
    const ports = [
      { name: "http", port: 80, targetPort: 8080 },
      { name: "admin", port: 81, targetPort: 8081 },
    ];
    api.cluster.setService({ namespace: "shop", name: "web", selector: { app: "web" }, ports });
    api.cluster.setService({ namespace: "shop", name: "db", selector: { app: "db" }, ports: [{ name: "", port: 5432, targetPort: 5432 }] });
    const webPorts = [
      { name: "http", containerPort: 8080 },
      { name: "admin", containerPort: 8081 },
    ];
    const { store } = api.cluster;
    putWorkload(store, { kind: "deployments", namespace: "shop", name: "web", selector: { app: "web" }, containerPorts: webPorts });
    putWorkload(store, {
      kind: "statefulsets",
      namespace: "shop",
      name: "db",
      selector: { app: "db" },
      containerPorts: [{ containerPort: 5432 }],
    });
    await write(`${home.path}/kubeconfig`, api.kubeconfig({ context: "dev", namespace: "shop" }));
    const routes = '[routes]\n"web.localhost" = "svc/web:http"\n[tcp]\n"127.0.0.1:5432" = "svc/db:5432"\n';
    const reverse = '[[reverse]]\nservice = "shop/hooks:80"\nlocal = "127.0.0.1:3000"\n';
    await write(`${home.project}/tunnels.toml`, `kubeconfig = "${home.path}/kubeconfig"\n[contexts]\nshort = "dev"\n${routes}`);
    await write(`${home.project}/other-way.toml`, `[relay]\nimage = "kt:1"\n${reverse}`);
    await write(`${home.project}/broken.toml`, "routes = 1");
  });
  afterAll(async () => {
    await home[Symbol.asyncDispose]();
    api.close();
  });

  async function values(...words: string[]): Promise<string[]> {
    const ran = await home.run(["complete", "fish", ...words], { KUBECONFIG: `${home.path}/kubeconfig` });
    expect(ran).toMatchObject({ exitCode: 0, stderr: "" });
    return ran.stdout.split("\n").filter((line) => line !== "");
  }

  test.each([
    [
      ["url", ""],
      ["web.localhost\tsvc/web:http", "127.0.0.1:5432\tsvc/db:5432"],
    ],
    ...["rm", "explain"].map((command): [string[], string[]] => [
      [command, "-f", "other-way.toml", "shop"],
      ["shop/hooks:80\t127.0.0.1:3000"],
    ]),
    [["forward", "--context", ""], ["dev\tcurrent"]],
    [
      ["add", "x", "y", "--context", ""],
      ["short\tdev", "dev\tcurrent"],
    ],
    [["forward", "-n", ""], ["shop\t"]],
    [
      ["forward", ""],
      ["svc/\t", "pod/\t", "deploy/\t", "sts/\t", "ds/\t", "job/\t"],
    ],
    [["forward", "deploy/"], ["deploy/web\thttp 8080, admin 8081"]],
    [["forward", "-n", "shop", "deployment/w"], ["deployment/web\thttp 8080, admin 8081"]],
    [["forward", "sts/"], ["sts/db\t5432"]],
    [
      ["add", "x", "shop/deploy/web:"],
      ["shop/deploy/web:http\thttp 8080", "shop/deploy/web:admin\tadmin 8081"],
    ],
    [
      ["forward", "deploy/web", ""],
      ["8080\thttp", "8081\tadmin"],
    ],
    [
      ["forward", "-nshop", "svc/web", ":"],
      [":80\thttp", ":81\tadmin"],
    ],
    [
      ["forward", "shop/svc/web", "9000:"],
      ["9000:80\thttp", "9000:81\tadmin"],
    ],
    [["forward", "svc/web:80", ""], []],
    [
      ["forward", "svc/"],
      ["svc/db\t5432", "svc/web\thttp 80, admin 81"],
    ],
    [
      ["forward", "svc/web", ""],
      ["80\thttp", "81\tadmin"],
    ],
    [
      ["add", "x", ""],
      ["svc/\t", "pod/\t", "deploy/\t", "sts/\t", "ds/\t", "job/\t", "shop/\tnamespace"],
    ],
    [
      ["add", "x", "shop/"],
      ["shop/svc/\t", "shop/pod/\t", "shop/deploy/\t", "shop/sts/\t", "shop/ds/\t", "shop/job/\t"],
    ],
    [
      ["add", "x", "shop/svc/"],
      ["shop/svc/db:5432\t5432", "shop/svc/web:\thttp 80, admin 81"],
    ],
    [
      ["add", "x", "svc/web:"],
      ["svc/web:http\thttp 80", "svc/web:admin\tadmin 81"],
    ],
    [["add", "x", "elsewhere/deploy/"], []],
    [
      ["up", "--set", "health.enabled="],
      ["health.enabled=true\tthe default", "health.enabled=false\t"],
    ],
    [
      ["run", "--set", "idle_timeout="],
      ["idle_timeout=60m\tthe default", "idle_timeout=1h30m\t", "idle_timeout=0\t"],
    ],
    [
      ["check", "--set=limits.per_target="],
      ["--set=limits.per_target=0\tthe default", "--set=limits.per_target=100\t"],
    ],
    [["up", "--set", "nothing.such="], []],
    [["url", "-f", "broken.toml", ""], []],
    [["url", "-f", "missing.toml", ""], []],
    [["forward", "--kubeconfig", "missing", "svc/"], []],
  ])("%j", async (words, offers) => expect(await values(...words)).toEqual(offers));

  test("offers every setting after --set, and only values that it accepts", async () => {
    const keys = (await values("up", "--set", "")).map((line) => line.split("\t")[0] ?? "");
    expect(keys).toEqual(tuning.map(({ key }) => `${key}=`));
    const offers = keys.flatMap((key) => settingOffers(key).map(({ value }) => value));
    expect(offers.length).toBeGreaterThan(keys.length);
    for (const value of offers) {
      const options = { file: "/shop/tunnels.toml", environment: { KT_SET: value }, home: "/home/me", readText: async () => "" };
      expect((await loadPlan(options)).settings.map(({ from }) => from?.file)).toContain(`--set ${value.split("=")[0]}`);
    }
  });

  test("runs no credential plugin, allowed or not", async () => {
    const plugin = `${home.path}/plugin`;
    await write(plugin, `#!/bin/sh\necho ran > ${plugin}.ran\n`);
    await chmod(plugin, 0o755);
    const exec = { apiVersion: "client.authentication.k8s.io/v1", command: plugin, interactiveMode: "Never" };
    await write(
      `${home.path}/login`,
      JSON.stringify({
        "current-context": "dev",
        contexts: [{ name: "dev", context: { cluster: "dev", user: "dev" } }],
        clusters: [{ name: "dev", cluster: { server: "https://127.0.0.1:1" } }],
        users: [{ name: "dev", user: { exec } }],
      }),
    );
    expect(await values("forward", "--kubeconfig", `${home.path}/login`, "svc/")).toEqual([]);
    expect(await file(`${plugin}.ran`).exists()).toBe(false);
  });

  test("waits a second for the cluster, not longer", async () => {
    using silent = listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
    const kubeconfig = api.kubeconfig({ context: "far" }).replace(`:${api.port}`, `:${silent.port}`);
    await write(`${home.path}/far`, kubeconfig);
    const started = performance.now();
    expect(await values("forward", "--kubeconfig", `${home.path}/far`, "svc/")).toEqual([]);
    // What needs no cluster is offered all the same.
    expect(await values("add", "x", "")).toContain("svc/\t");
    expect(performance.now() - started).toBeLessThan(5000);
  });
});

test("kt completion knows three shells", async () => {
  await using home = await SourceHome.make();
  expect(await home.run(["completion", "tcsh"])).toMatchObject({
    exitCode: 2,
    stderr: `kt: error: kt has no completions for "tcsh"
kt: hint: kt completion bash
kt: hint: kt completion zsh
kt: hint: kt completion fish
`,
  });
  for (const shell of ["bash", "zsh", "fish"]) expect((await home.run(["completion", shell])).stdout).toContain(`kt complete ${shell}`);
});
