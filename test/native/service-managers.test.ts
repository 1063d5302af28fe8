/** The service managers, driven through tools that record what they are asked: installed, updated, left alone, removed, refused. */

import { describe, expect, test } from "bun:test";
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { file } from "bun";
import { launchd } from "#native/launchd.ts";
import { installService, type ServiceDefinition, type ServiceManager, uninstallService } from "#native/service-manager.ts";
import { systemd } from "#native/systemd.ts";
import { tempDir } from "#test/support/temp-dir.ts";

interface Rig extends AsyncDisposable {
  readonly path: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly definition: ServiceDefinition;
  /** What the tools were asked since the last time. */
  asked(): Promise<string[]>;
}

/** `script` is what the tool of that name does after it has recorded its arguments. */
async function rig(tool: string, script: string): Promise<Rig> {
  const directory = await tempDir();
  const { path } = directory;
  await mkdir(`${path}/bin`);
  await writeFile(`${path}/bin/${tool}`, `#!/bin/sh\ncd ${path}\necho "$*" >> asked\n${script}\n`);
  await chmod(`${path}/bin/${tool}`, 0o755);
  async function asked(): Promise<string[]> {
    const text = await file(`${path}/asked`).text();
    await writeFile(`${path}/asked`, "");
    return text.trim().split("\n");
  }
  const definition = { command: ["/bin/kt", "serve"], environment: {}, version: "1.0.0 (abc)", logFile: `${path}/logs/kt/log` };
  const dispose = (): Promise<void> => directory[Symbol.asyncDispose]();
  return { path, environment: { PATH: `${path}/bin:/usr/bin:/bin` }, definition, asked, [Symbol.asyncDispose]: dispose };
}

/** After an update of kt, whose service must not go on with the old one. */
const other = (definition: ServiceDefinition): ServiceDefinition => ({ ...definition, version: "1.1.0 (def)" });

describe("systemd", () => {
  const managerOf = ({ path, environment }: Rig): ServiceManager => systemd({ configDirectory: `${path}/config`, environment });
  const check = "--user show --property=Version";

  test("installed, left alone, updated, removed, gone", async () => {
    await using made = await rig("systemctl", 'test "$2" != is-active || echo active');
    const manager = managerOf(made);
    expect(await installService(manager, made.definition)).toBe("new");
    expect(await made.asked()).toEqual([check, "--user daemon-reload", "--user enable --now kt.service"]);
    expect(await installService(manager, made.definition)).toBe("same");
    expect(await made.asked()).toEqual([check, "--user enable --now kt.service"]);
    expect(await installService(manager, other(made.definition))).toBe("changed");
    expect(await made.asked()).toEqual([check, "--user daemon-reload", "--user enable --now kt.service", "--user restart kt.service"]);
    expect(await manager.state()).toBe("active");
    await made.asked();
    expect(await uninstallService(manager)).toBe(true);
    expect(await made.asked()).toEqual([check, "--user disable --now kt.service", "--user daemon-reload"]);
    expect(await file(manager.file).exists()).toBe(false);
    expect(await uninstallService(manager)).toBe(false);
  });

  test("no instance for the user: nothing is written, and WSL has advice of its own", async () => {
    await using made = await rig("systemctl", "echo Failed to connect to bus: No medium found >&2; exit 1");
    const manager = managerOf(made);
    await expect(installService(manager, made.definition)).rejects.toMatchObject({
      code: "service-unavailable",
      message: "systemd runs no instance for this user: Failed to connect to bus: No medium found",
      hints: [expect.stringContaining("loginctl enable-linger"), expect.stringContaining("kt serve")],
    });
    expect(await file(manager.file).exists()).toBe(false);
    const inWsl = systemd({ configDirectory: made.path, environment: { ...made.environment, WSL_DISTRO_NAME: "Ubuntu" } });
    await expect(inWsl.check()).rejects.toMatchObject({ hints: [expect.stringContaining("/etc/wsl.conf"), expect.anything()] });
  });

  test("no systemd at all", async () => {
    const manager = systemd({ configDirectory: "/nowhere", environment: { PATH: "/nowhere" } });
    await expect(manager.check()).rejects.toMatchObject({ code: "service-unavailable", message: expect.stringContaining("not in PATH") });
  });

  test("what it refuses is reported in its words", async () => {
    await using made = await rig("systemctl", 'test "$2" != enable || { echo Unit kt.service is masked. >&2; exit 1; }');
    await expect(installService(managerOf(made), made.definition)).rejects.toMatchObject({
      code: "service-failed",
      message: "systemctl --user enable --now kt.service: Unit kt.service is masked.",
    });
  });

  test("a file can be removed also where systemd has gone", async () => {
    await using made = await rig("systemctl", "");
    await installService(managerOf(made), made.definition);
    await writeFile(`${made.path}/bin/systemctl`, "#!/bin/sh\nexit 1\n");
    expect(await uninstallService(managerOf(made))).toBe(true);
  });

  test("lingering is advised unless it is on", async () => {
    await using off = await rig("loginctl", "echo Linger=no");
    expect(await managerOf(off).advice()).toEqual([expect.stringContaining("loginctl enable-linger")]);
    await using on = await rig("loginctl", "echo Linger=yes");
    expect(await managerOf(on).advice()).toEqual([]);
  });
});

describe("launchd", () => {
  const managerOf = ({ path, environment }: Rig): ServiceManager => launchd({ home: path, uid: 501, environment });
  /** Knows whether the agent is loaded. */
  const tool = `case "$1 $2" in
  "print gui/501") ;;
  "print "*) test -f loaded && printf 'gui/501/dev.kt.kt = {\\n\\tstate = running\\n}\\n' ;;
  bootstrap*) touch loaded ;;
  bootout*) rm loaded ;;
esac`;
  const agent = "gui/501/dev.kt.kt";

  test("installed, left alone, updated, removed", async () => {
    await using made = await rig("launchctl", tool);
    const manager = managerOf(made);
    expect(await manager.state()).toBe("not loaded");
    await made.asked();
    expect(await installService(manager, made.definition)).toBe("new");
    const start = [`enable ${agent}`, `bootstrap gui/501 ${manager.file}`];
    expect(await made.asked()).toEqual(["print gui/501", `print ${agent}`, `print ${agent}`, ...start]);
    expect(await installService(manager, made.definition)).toBe("same");
    expect(await made.asked()).toEqual(["print gui/501", `print ${agent}`, `kickstart ${agent}`]);
    expect(await installService(manager, other(made.definition))).toBe("changed");
    const asked = await made.asked();
    expect(asked).toContain(`bootout ${agent}`);
    expect(asked.slice(-2)).toEqual(start);
    expect(await manager.state()).toBe("running");
    expect(await uninstallService(manager)).toBe(true);
    expect(await manager.state()).toBe("not loaded");
    expect(await file(manager.file).exists()).toBe(false);
  });

  test("no session at the screen", async () => {
    await using made = await rig("launchctl", 'echo "Could not find domain for user" >&2; exit 113');
    await expect(installService(managerOf(made), made.definition)).rejects.toMatchObject({
      code: "service-unavailable",
      message: "launchd has no session for this user: Could not find domain for user",
    });
  });
});

test("characters that no file can hold are refused before anything is asked", async () => {
  await using made = await rig("systemctl", "");
  const manager = systemd({ configDirectory: made.path, environment: made.environment });
  const odd = { ...made.definition, command: ["/bin/kt", "a\nExecStartPre=/bin/evil"] };
  await expect(installService(manager, odd)).rejects.toMatchObject({ code: "service-failed" });
  expect(await file(`${made.path}/asked`).exists()).toBe(false);
});
