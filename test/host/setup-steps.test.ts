/** The steps of `kt setup`: made once, made again after a kill in the middle of them, and taken back to the byte. */

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { spawnSync } from "bun";
import fc from "fast-check";
import { setupAddresses } from "#host/setup/setup-addresses.ts";
import { carryOut } from "#host/steps/carry-out.ts";
import { describeSteps, isDone, type SetupStep } from "#host/steps/setup-step.ts";
import { firstPortBySystem } from "#native/sysctl-files.ts";
import { tempDir } from "#test/support/temp-dir.ts";

let directory: Awaited<ReturnType<typeof tempDir>>;
beforeEach(async () => {
  directory = await tempDir();
});
afterEach(async () => await directory[Symbol.asyncDispose]());

const at = (name: string): string => `${directory.path}/${name}`;

function steps(otherwise = "1024"): SetupStep[] {
  return [
    { kind: "file", path: at("own/kt.conf"), text: "a\nb\n", folder: "kt's" },
    { kind: "file", path: at("etc/kt.conf"), text: "c\n", folder: "system's" },
    { kind: "value", name: "first", path: at("first"), value: "0", otherwise },
  ];
}

function fresh(first = "1024"): void {
  mkdirSync(at("etc"), { recursive: true });
  writeFileSync(at("first"), `${first}\n`);
}

const everything = (): string[] => readdirSync(directory.path, { recursive: true }).map(String).sort();
const before = ["etc", "first"];

describe("steps", () => {
  test("are shown whole before they are made, and then there is nothing to show", async () => {
    fresh();
    expect(describeSteps(steps(), "do")).toEqual([
      `write ${at("own/kt.conf")}`,
      "    a",
      "    b",
      `write ${at("etc/kt.conf")}`,
      "    c",
      "set first to 0; it is 1024",
    ]);
    await carryOut(steps(), "do");
    expect([isDone(steps(), "do"), describeSteps(steps(), "do"), readFileSync(at("first"), "utf8")]).toEqual([true, [], "0\n"]);
    await carryOut(steps(), "undo");
    expect([isDone(steps(), "undo"), everything(), readFileSync(at("first"), "utf8")]).toEqual([true, before, "1024\n"]);
  });

  test("of which only some were made are not done, and are finished or taken back by the next call", async () => {
    const all = steps();
    for (let made = 0; made < all.length; made++) {
      for (const direction of ["do", "undo"] as const) {
        fresh();
        await carryOut(all.slice(0, made), "do");
        writeFileSync(at("etc/kt.conf.kt-new"), "hal");
        expect(isDone(all, direction)).toBe(false);
        await carryOut(all, direction);
        expect(isDone(all, direction)).toBe(true);
        await carryOut(all, "undo");
        expect(everything()).toEqual(before);
      }
    }
  });

  test("of which the undoing was killed are undone by the next call, however far it came", async () => {
    const all = steps();
    for (let left = 0; left <= all.length; left++) {
      fresh();
      await carryOut(all, "do");
      await carryOut(all.slice(left), "undo");
      await carryOut(all, "undo");
      expect([everything(), readFileSync(at("first"), "utf8")]).toEqual([before, "1024\n"]);
    }
  });

  test("leave a value alone that was not theirs, or is not any more", async () => {
    fresh("80");
    expect(isDone(steps(), "undo")).toBe(true);
    await carryOut(steps(), "do");
    writeFileSync(at("first"), "443\n");
    await carryOut(steps(), "undo");
    expect(readFileSync(at("first"), "utf8")).toBe("443\n");
  });

  test("that fail leave no half of a file, and a folder that holds another file stays", async () => {
    fresh();
    const [own] = steps();
    if (!own) throw new Error("no step");
    await carryOut([own], "do");
    writeFileSync(at("own/other.conf"), "x");
    await carryOut([own], "undo");
    expect(everything()).toEqual(["etc", "first", "own", "own/other.conf"]);
    rmSync(at("own"), { recursive: true });
    writeFileSync(at("own"), "a file where the folder should be");
    await expect(carryOut([own], "do")).rejects.toThrow(`change "${at("own/kt.conf")}"`);
    expect(existsSync(at("own/kt.conf.kt-new"))).toBe(false);
  });
});

describe("the first port by the system's files", () => {
  const own = "/etc/sysctl.d/99-zz-kt-ports.conf";
  const name = "net.ipv4.ip_unprivileged_port_start";
  const said = (...texts: string[]): string =>
    firstPortBySystem([...texts.map((text) => ({ path: "/etc/sysctl.d/x.conf", text })), { path: own, text: `${name} = 0\n` }], own);

  test.each([
    [[], "1024"],
    [["net.ipv4.ip_forward = 1\n"], "1024"],
    [[`${name}=80`], "80"],
    [[`# ${name}=80\n; ${name}=81\n`], "1024"],
    [[`${name} = 80\n`, `${name} = 443 \r\n`], "443"],
    [[`-net/ipv4/ip_unprivileged_port_start=0\n`], "0"],
    [[`${name} = many\n`], "1024"],
  ])("%j is %s", (texts, first) => expect(said(...texts)).toBe(first));

  test("is a number, whatever they hold", () => {
    fc.assert(fc.property(fc.array(fc.string({ unit: "binary" })), (texts) => expect(said(...texts)).toMatch(/^\d+$/)));
  });
});

describe("addresses", () => {
  const asked = { direction: "do", uid: 501, program: undefined, dns: { listen: { host: "127.0.0.1", port: 8953 }, domains: [] } } as const;

  test("are nothing to do on Linux", () => {
    expect(setupAddresses({ ...asked, platform: "linux" })).toMatchObject({ kind: "needless" });
  });

  test("are 512 aliases on macOS, made at each start of the machine by the same command as now, and taken away by another", () => {
    const part = setupAddresses({ ...asked, platform: "darwin" });
    if (part.kind !== "steps") throw new Error("no steps");
    const commands = part.steps.flatMap((step) => (step.kind === "command" ? [step.argv[2] ?? ""] : []));
    const [file] = part.steps;
    expect(file?.kind === "file" && file.text).toContain(`<string>${commands[0]}</string>`);
    const [made = [], taken = []] = commands.map((script) =>
      spawnSync(["/bin/sh", "-c", script.replaceAll("/sbin/ifconfig", "echo")])
        .stdout.toString()
        .trim()
        .split("\n"),
    );
    expect([made.length, new Set(made).size, made[0], made.at(-1)]).toEqual([
      512,
      512,
      "lo0 alias 127.1.27.1 255.255.255.255",
      "lo0 alias 127.2.30.64 255.255.255.255",
    ]);
    expect(taken).toEqual(made.map((line) => line.replace("alias", "-alias").replace(" 255.255.255.255", "")));
  });
});
