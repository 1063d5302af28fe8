/** `kt allow` as processes: nothing of a folder's runs before consent, whatever command meets it, and consent is asked once. */

import { describe, expect, test } from "bun:test";
import { chmod, chown, readdir, stat } from "node:fs/promises";
import { file, write } from "bun";
import { HubClient } from "#control/client.ts";
import { freePorts } from "#test/support/process.ts";
import { type RanKt, SourceHome } from "#test/support/source-home.ts";
import { noTerminal, Terminal } from "#test/support/terminal.ts";
import { eventually } from "#test/support/wait.ts";

const main = new URL("../../src/main.ts", import.meta.url).pathname;

/** A cloned folder: its kubeconfig runs a program of its own, which leaves a file where it ran. */
class Clone {
  readonly home: SourceHome;
  readonly port: number;

  private constructor(home: SourceHome) {
    this.home = home;
    [this.port = 0] = freePorts(1);
  }

  static async make(): Promise<Clone> {
    const clone = new Clone(await SourceHome.make());
    await clone.put("evil.sh", `#!/bin/sh\ntouch ${clone.home.path}/ran\nexit 1\n`);
    await chmod(`${clone.home.project}/evil.sh`, 0o755);
    await clone.kubeconfig("--token hunter2hunter2");
    await clone.profile('"a.localhost" = "shop/svc/a:80"');
    return clone;
  }

  async put(name: string, text: string): Promise<void> {
    await write(`${this.home.project}/${name}`, text);
  }

  async profile(routes: string, more = ""): Promise<void> {
    await this.put("tunnels.toml", `kubeconfig = "./kc"\n[http]\nlisten = ["127.0.0.1:${this.port}"]\n[routes]\n${routes}\n${more}`);
  }

  async kubeconfig(args: string): Promise<void> {
    const exec = { apiVersion: "client.authentication.k8s.io/v1", command: "./evil.sh", args: args.split(" "), interactiveMode: "Never" };
    const config = {
      "current-context": "c",
      clusters: [{ name: "c", cluster: { server: "https://127.0.0.1:1" } }],
      contexts: [{ name: "c", context: { cluster: "c", user: "u" } }],
      users: [{ name: "u", user: { exec } }],
    };
    await this.put("kc", JSON.stringify(config));
  }

  run(...args: readonly string[]): Promise<RanKt> {
    return this.home.run(args);
  }

  ran(): Promise<boolean> {
    return file(`${this.home.path}/ran`).exists();
  }

  /** Waits until the first profile of the hub has this problem, or none. */
  async hasProblem(code: string | undefined): Promise<void> {
    const client = await HubClient.connect(`${this.home.path}/run/kt/hub.sock`);
    await eventually(`problem ${code}`, async () => {
      const snapshot = await client.snapshot();
      return snapshot.profiles[0]?.problem?.code === code;
    });
    client.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.home[Symbol.asyncDispose]();
  }
}

describe("before consent", () => {
  test.concurrent("no command runs anything of the folder's, and each says what to do", async () => {
    await using clone = await Clone.make();
    const { project } = clone.home;
    for (const args of [["up", "-d"], ["run", "true"], ["env"], ["explain", "a.localhost"], ["serve"]]) {
      const { exitCode, stdout, stderr } = await clone.run(...args);
      expect({ args, exitCode, stdout }).toEqual({ args, exitCode: 2, stdout: "" });
      expect(stderr).toEndWith(
        `kt: error: "${project}/tunnels.toml" needs your consent, since it uses the kubeconfig "${project}/kc", which runs the program "evil.sh"\nkt: hint: kt allow ${project}\n`,
      );
    }
    expect((await clone.run("doctor")).stdout).toContain(`kt allow ${project}`);
    expect(await clone.run("complete", "zsh", "add", "b.localhost", "x/svc/")).toEqual({ exitCode: 0, stdout: "", stderr: "" });
    expect((await clone.run("complete", "zsh", "url", "")).stdout).toContain("a.localhost");
    expect(await clone.ran()).toBe(false);
  });

  test.concurrent("kt check warns, with 0", async () => {
    await using clone = await Clone.make();
    const { exitCode, stderr, stdout } = await clone.run("check");
    expect(exitCode).toBe(0);
    expect(stderr).toContain("kt: warning: ");
    expect(stderr).toContain(`kt: hint: kt allow ${clone.home.project}\n`);
    expect(stdout).toContain("fine but for your consent");
    const { warnings } = JSON.parse((await clone.run("check", "--json")).stdout);
    expect(warnings).toMatchObject([{ code: "profile-not-allowed" }]);
    expect(await clone.ran()).toBe(false);
  });

  test.concurrent("[env] of the folder decides nothing", async () => {
    await using clone = await Clone.make();
    await clone.put("bin/true", `#!/bin/sh\ntouch ${clone.home.path}/ran\n`);
    await chmod(`${clone.home.project}/bin/true`, 0o755);
    await clone.put("tunnels.toml", `[env]\nPATH = "${clone.home.project}/bin:/bin"\n`);
    expect(await clone.run("run", "true")).toMatchObject({ exitCode: 2, stderr: expect.stringContaining("sets PATH by [env]") });
    expect(await clone.run("env")).toMatchObject({ exitCode: 2, stdout: "" });
    expect(await clone.ran()).toBe(false);
  });
});

describe.skipIf(process.getuid?.() !== 0)("a profile of another user", () => {
  test.concurrent("is refused whatever it says, until kt allow takes its owner", async () => {
    await using clone = await Clone.make();
    await clone.put("tunnels.toml", '[routes]\n"a.localhost" = "shop/svc/a:80"\n');
    await chown(`${clone.home.project}/tunnels.toml`, 65_533, 0);
    const { exitCode, stderr } = await clone.run("up", "-d");
    expect(exitCode).toBe(2);
    expect(stderr).toContain("which belongs to another user, number 65533");
    expect(await clone.run("allow")).toMatchObject({ exitCode: 0 });
    expect(await clone.run("env")).toMatchObject({ exitCode: 0 });
    await chown(`${clone.home.project}/tunnels.toml`, 65_532, 0);
    expect(await clone.run("env")).toMatchObject({ exitCode: 2 });
  });
});

describe("kt allow", () => {
  test.concurrent("without a terminal records, says what, and is for the user's eyes only", async () => {
    await using clone = await Clone.make();
    const { project, path } = clone.home;
    const { exitCode, stdout } = await clone.run("allow", project);
    expect(exitCode).toBe(0);
    expect(stdout).toContain('- uses the kubeconfig "');
    expect(stdout).toContain("    ./evil.sh --token ***\n");
    expect(stdout).not.toContain("hunter2");
    const folder = `${path}/home/.local/state/kt/allowed`;
    const [record = ""] = await readdir(folder);
    expect((await stat(folder)).mode & 0o777).toBe(0o700);
    expect((await stat(`${folder}/${record}`)).mode & 0o777).toBe(0o600);
    expect((await clone.run("allow")).stdout).toBe(`${project}/tunnels.toml is allowed already\n`);
    expect(JSON.parse((await clone.run("allow", "--list", "--json")).stdout)).toMatchObject([{ profile: `${project}/tunnels.toml` }]);
  });

  test.concurrent("lets it run, asks again for another kubeconfig and not for another route, and kt deny forgets", async () => {
    await using clone = await Clone.make();
    await clone.run("allow");
    expect(await clone.run("up", "-d")).toMatchObject({ exitCode: 0 });
    expect((await clone.run("explain", "a.localhost")).stdout).toContain("evil.sh");
    expect(await clone.ran()).toBe(true);
    await clone.profile('"a.localhost" = "shop/svc/a:80"\n"b.localhost" = "shop/svc/b:80"');
    expect(await clone.run("env")).toMatchObject({ exitCode: 0 });
    await clone.kubeconfig("--other");
    expect(await clone.run("env")).toMatchObject({ exitCode: 2 });
    await clone.run("allow");
    expect(await clone.run("env")).toMatchObject({ exitCode: 0 });
    expect((await clone.run("deny")).stdout).toBe(`${clone.home.project}/tunnels.toml is not allowed any more\n`);
    expect(await clone.run("env")).toMatchObject({ exitCode: 2 });
  });

  test.concurrent("is what an attached profile waits for, which runs as it last was allowed", async () => {
    await using clone = await Clone.make();
    await clone.run("allow");
    await clone.run("up", "-d");
    await clone.hasProblem(undefined);
    await clone.profile('"b.localhost" = "shop/svc/b:80"', '[env]\nLD_PRELOAD = "./x.so"');
    await clone.hasProblem("profile-not-allowed");
    expect((await clone.run("status", "--json")).stdout).toContain("a.localhost");
    await clone.run("allow");
    await clone.hasProblem(undefined);
    expect((await clone.run("status", "--json")).stdout).toContain("b.localhost");
    await clone.kubeconfig("--another");
    await clone.hasProblem("profile-not-allowed");
    await clone.run("allow");
    await clone.hasProblem(undefined);
  });

  test.concurrent("is for the programs as they were: one that another took the place of is not run", async () => {
    await using clone = await Clone.make();
    await clone.run("allow");
    await clone.run("up", "-d");
    await clone.put("evil.sh", `#!/bin/sh\ntouch ${clone.home.path}/ran\nexit 2\n`);
    const asked = await fetch(`http://127.0.0.1:${clone.port}/`, { headers: { Host: "a.localhost" } });
    expect(await asked.text()).toContain("is not what it was when you gave your consent to run it");
    expect(await clone.ran()).toBe(false);
    await clone.hasProblem("profile-not-allowed");
    await clone.run("allow");
    await clone.hasProblem(undefined);
  });

  test.concurrent("is not needed for what only maps names", async () => {
    await using clone = await Clone.make();
    await clone.put("tunnels.toml", '[routes]\n"a.localhost" = "shop/svc/a:80"\n');
    expect((await clone.run("allow")).stdout).toBe(`${clone.home.project}/tunnels.toml needs no consent: it only maps names and ports\n`);
    expect((await clone.run("allow", "--list")).stdout).toContain("nothing is allowed");
  });
});

describe("a plugin's secrets", () => {
  test.concurrent("stand nowhere: not on pages, in status, logs, explain, doctor, its bundle or the hub's log", async () => {
    await using clone = await Clone.make();
    const { home, port } = clone;
    await clone.kubeconfig("-H Authorization:canary1 --pat canary2x https://me:canary3@corp/?sig=canary4");
    await clone.put("evil.sh", '#!/bin/sh\necho "given $@; the password is canary5, token canary6x, AKIAcanary00000007" >&2\nexit 1\n');
    await clone.run("allow");
    await clone.run("up", "-d");
    const page = await fetch(`http://127.0.0.1:${port}/`, { headers: { Host: "a.localhost", Accept: "text/html" } });
    const shown = [await page.text()];
    for (const args of [
      ["status", "--json"],
      ["logs"],
      ["logs", "--json"],
      ["explain", "a.localhost"],
      ["doctor", "--bundle", "report.json"],
    ])
      shown.push(Object.values(await clone.run(...args)).join("\n"));
    shown.push(await file(`${home.project}/report.json`).text(), await file(`${home.path}/home/.local/state/kt/hub.log`).text());
    expect(shown[0]).toContain("exec plugin");
    for (const text of shown) expect(text).not.toContain("canary");
    // Its path says where, and its arguments what with: neither is for a page.
    expect(shown[0]).not.toContain(home.project);
    expect(shown[0]).not.toContain("--pat canary");
  });
});

describe.skipIf(noTerminal !== undefined)("in a terminal", () => {
  test("the question says what and why, is a no by default, and is asked once", async () => {
    await using clone = await Clone.make();
    const { path, project, env } = clone.home;
    const open = (command: string): Terminal => Terminal.open(path, `${process.execPath} ${main} ${command}`, { cwd: project, env });
    using refused = open("env");
    const screen = (await refused.sees("Allow this?")).replaceAll(/\s+/g, " ");
    expect(screen).toContain('which runs the program "evil.sh": it could run code as you, or send what is yours to a server of its choice');
    // What is agreed to has no mask: a command could hide behind it.
    expect(screen).toContain("./evil.sh --token hunter2hunter2");
    refused.press("Enter");
    await refused.sees("[exit 2]");
    using agreed = open("env");
    await agreed.sees("Allow this?");
    agreed.press("y");
    await agreed.sees("[exit 0]");
    using again = open("env");
    expect(await again.sees("[exit 0]")).not.toContain("Allow this?");
  });
});
