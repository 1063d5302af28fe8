/** Names for one command on a real cluster: a plain user, nothing set up, and a machine that stays as it was. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync, readlinkSync, statSync, writeFileSync } from "node:fs";
import { spawn, spawnSync, which } from "bun";
import { namespace } from "#test/support/cluster.ts";
import { Home } from "#test/support/kt.ts";
import { PlainUser } from "#test/support/plain-user.ts";
import { freePorts } from "#test/support/process.ts";
import { noTerminal, Terminal } from "#test/support/terminal.ts";

const root = new URL("../..", import.meta.url).pathname;
const isRoot = process.getuid?.() === 0;

let user: PlainUser;
let port: number;
let machineHosts: Buffer;

const profile = (more = "", address = "127.0.0.1"): string => `namespace = "${namespace}"
[http]
listen = ["${address}:${port}"]
[routes]
"api.shop" = "svc/web:http"
${more}`;

describe.skipIf(!isRoot)("names for one command", () => {
  beforeAll(async () => {
    [port = 0] = freePorts(1);
    machineHosts = readFileSync("/etc/hosts");
    user = new PlainUser();
    user.write(profile());
    expect((await user.run(["allow"])).exitCode).toBe(0);
    expect((await user.run(["up", "-d"])).exitCode).toBe(0);
  });
  afterAll(async () => {
    await user?.close();
    expect(readFileSync("/etc/hosts").equals(machineHosts)).toBe(true);
  });

  const url = (): string => `http://api.shop:${port}/`;

  test("curl reaches the service by its name, and nothing else does", async () => {
    const ran = await user.run(["run", "-q", "--", "curl", "-sf", "-o", "/dev/null", "-w", "%{http_code}", url()]);
    expect(ran).toEqual({ exitCode: 0, stdout: "200", stderr: "" });
    expect(spawnSync(["getent", "hosts", "api.shop"]).exitCode).not.toBe(0);
    const plain = await user.run(["run", "--no-names", "--", "getent", "hosts", "api.shop"]);
    expect(plain.exitCode).not.toBe(0);
  });

  const resolvers: Readonly<Record<string, () => readonly string[] | undefined>> = {
    glibc: () => ["getent", "ahostsv4", "api.shop"],
    musl: () => {
      const program = `${user.home.path}/resolve`;
      expect(spawnSync(["musl-gcc", "-static", "-o", program, `${root}/test/e2e/resolve.c`]).exitCode).toBe(0);
      return [program, "api.shop"];
    },
    busybox: () => ["busybox", "ping", "-c1", "-w1", "api.shop"],
    go: () => [`${root}/dist/e2e-client`, "resolve", "api.shop"],
    node: () => ["node", "-e", 'require("dns").lookup("api.shop", (error, address) => console.log(address))'],
    python: () => ["/usr/bin/python3", "-c", 'import socket; print(socket.gethostbyname("api.shop"))'],
    java: () => {
      const source =
        'class R { public static void main(String[] a) throws Exception { System.out.println(java.net.InetAddress.getByName("api.shop")); } }';
      writeFileSync(`${user.home.path}/R.java`, source);
      return ["java", `${user.home.path}/R.java`];
    },
  };

  test.each(Object.keys(resolvers))("%s resolves it", async (kind) => {
    const command = resolvers[kind]?.() ?? [];
    if (which(command[0] ?? "") === null) return;
    const { stdout, stderr } = await user.run(["run", "--", ...command]);
    expect(stdout + stderr).toContain("127.0.0.1");
  });

  const clients: Readonly<Record<string, (host: string) => readonly string[] | undefined>> = {
    musl: (host) => {
      const program = `${user.home.path}/ask`;
      expect(spawnSync(["musl-gcc", "-static", "-o", program, `${root}/test/e2e/resolve.c`]).exitCode).toBe(0);
      return [program, host, "80"];
    },
    go: (host) => [`${root}/dist/e2e-client`, "get", host],
    node: (host) => ["node", "-e", `fetch("http://${host}/").then(({ status }) => console.log(status))`],
    python: (host) => ["/usr/bin/python3", "-c", `import urllib.request; print(urllib.request.urlopen("http://${host}/").status)`],
    java: (host) => {
      const asked = `((java.net.HttpURLConnection) new java.net.URL("http://${host}/").openConnection()).getResponseCode()`;
      writeFileSync(
        `${user.home.path}/A.java`,
        `class A { public static void main(String[] a) throws Exception { System.out.println(${asked}); } }`,
      );
      return ["java", `${user.home.path}/A.java`];
    },
  };

  test.each(Object.keys(clients))("%s reaches port 80 of a service by its name", async (kind) => {
    const command = clients[kind]?.(`api.${namespace}`) ?? [];
    if (which(command[0] ?? "") === null) return;
    const { stdout, stderr } = await user.run(["run", "-q", "-n", namespace, "--", ...command], { project: "home" });
    expect(stdout + stderr).toContain("200");
  });

  test("kt run -n: every service of a namespace by its names, in a folder without a profile", async () => {
    const script = `curl -sf -o /dev/null -w '%{http_code} ' http://api.${namespace}/ && getent hosts web`;
    const ran = await user.run(["run", "-q", "-n", namespace, "--", "sh", "-c", script], { project: "home" });
    expect(ran.stdout).toMatch(/^200 127\.\d+\.\d+\.\d+ +web web\./);
  });

  test("the command is the user's as ever: ids, files, capabilities, exit code", async () => {
    const script = `id -u; id -g; touch made; awk '/^Cap(Inh|Prm|Eff|Amb)/ { print $2 }' /proc/self/status | sort -u; exit 7`;
    const ran = await user.run(["run", "--", "sh", "-c", script]);
    expect(ran).toEqual({ exitCode: 7, stdout: "1234\n1234\n0000000000000000\n", stderr: "" });
    const { uid, gid } = statSync(`${user.home.path}/project/made`);
    expect([uid, gid]).toEqual([1234, 1234]);
    expect(spawnSync(["ls", `${user.home.path}/run/kt`]).stdout.toString()).not.toContain("command.");
  });

  test("a route that comes while the command runs resolves in it, and one that goes does not", async () => {
    const script =
      "echo running; until getent hosts late.shop; do sleep 0.05; done; while getent hosts late.shop >/dev/null; do sleep 0.05; done; echo gone";
    const env = { ...user.env };
    const child = spawn([...PlainUser.prefix, user.kt, "run", "--", "sh", "-c", script], {
      env,
      cwd: `${user.home.path}/project`,
      stdio: ["ignore", "pipe", "pipe"],
    });
    const lines = child.stdout.getReader();
    const decoder = new TextDecoder();
    expect(decoder.decode((await lines.read()).value)).toBe("running\n");
    user.write(profile('"late.shop" = "svc/api:http"\n'));
    expect((await user.run(["allow"])).exitCode).toBe(0);
    expect(decoder.decode((await lines.read()).value)).toContain("late.shop");
    user.write(profile());
    expect((await user.run(["allow"])).exitCode).toBe(0);
    expect(decoder.decode((await lines.read()).value)).toBe("gone\n");
    expect(await child.exited).toBe(0);
  });

  test("two at once with two profiles each get their own", async () => {
    const [other = 0] = freePorts(1);
    user.write(profile("", "127.0.0.2").replace(`:${port}`, `:${other}`), "second");
    expect((await user.run(["allow"], { project: "second" })).exitCode).toBe(0);
    const command = ["run", "--", "sh", "-c", "getent ahostsv4 api.shop | head -1"];
    const [first, second] = await Promise.all([user.run(command), user.run(command, { project: "second" })]);
    expect([first.stdout.split(" ")[0], second.stdout.split(" ")[0]]).toEqual(["127.0.0.1", "127.0.0.2"]);
  });

  test.skipIf(noTerminal !== undefined)("kt shell: the terminal is the shell's, Ctrl-C and all", async () => {
    const { home, kt } = user;
    const terminal = Terminal.open(home.path, `${PlainUser.prefix.join(" ")} ${kt} shell`, {
      cwd: `${home.path}/project`,
      env: { ...user.env, SHELL: "/bin/bash", PS1: "in> " },
    });
    try {
      terminal.type("getent ahostsv4 api.shop");
      terminal.press("Enter");
      await terminal.sees("STREAM api.shop");
      terminal.type("sleep 99");
      terminal.press("Enter", "C-c");
      // What is typed before the signal is thrown away with it.
      await terminal.sees("^C");
      terminal.type("echo st$((0+1))ll");
      terminal.press("Enter");
      await terminal.sees("st1ll");
      terminal.type("exit 5");
      terminal.press("Enter");
      await terminal.sees("[exit 5]");
    } finally {
      terminal[Symbol.dispose]();
    }
  });

  test("where user namespaces are off the command runs, and one line says what it lacks and what to do", async () => {
    const ran = await user.runWithoutNamespaces(["run", "--", "echo", "ran"]);
    expect(ran).toMatchObject({ exitCode: 0, stdout: "ran\n" });
    expect(ran.stderr.trim().split("\n")).toEqual([
      'kt: warning: the command does not resolve "api.shop": user namespaces are turned off here',
      "kt: hint: sudo sysctl -w user.max_user_namespaces=10000",
      "kt: hint: or for every program of this machine: kt setup names",
    ]);
  });

  test("root has names too, in a mount namespace alone, and keeps what it may do", async () => {
    await using home = new Home();
    home.write("tunnels.toml", profile().replace(`:${port}`, `:${freePorts(1)[0]}`));
    expect((await home.run(["allow"])).exitCode).toBe(0);
    const ran = await home.run([
      "run",
      "--",
      "sh",
      "-c",
      "getent ahostsv4 api.shop; grep CapEff /proc/self/status; readlink /proc/self/ns/user",
    ]);
    expect(ran.stdout).toContain("127.0.0.1");
    expect(ran.stdout).toContain(readFileSync("/proc/self/status", "utf8").match(/^CapEff:.*$/m)?.[0] ?? "none");
    expect(ran.stdout).toContain(readlinkSync("/proc/self/ns/user"));
  });
});
