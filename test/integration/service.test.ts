/** `kt service` as a process, with service managers that only record what they are asked. */

import { expect, test } from "bun:test";
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { file } from "bun";
import { SourceHome } from "#test/support/source-home.ts";

/** A home whose systemctl, loginctl and launchctl agree to everything. */
async function makeHome(): Promise<{ home: SourceHome; env: Record<string, string>; unit: string }> {
  const home = await SourceHome.make();
  await mkdir(`${home.path}/bin`);
  for (const tool of ["systemctl", "loginctl", "launchctl"]) {
    const script = `#!/bin/sh\necho "${tool} $*" >> ${home.path}/asked\ncase "$*" in *is-active*) echo active ;; *dev.kt.kt) exit 113 ;; esac\n`;
    await writeFile(`${home.path}/bin/${tool}`, script);
    await chmod(`${home.path}/bin/${tool}`, 0o755);
  }
  const env = { PATH: `${home.path}/bin:${process.env["PATH"]}`, AWS_SECRET_ACCESS_KEY: "s3cret", AWS_PROFILE: "dev" };
  const unit = process.platform === "darwin" ? "Library/LaunchAgents/dev.kt.kt.plist" : ".config/systemd/user/kt.service";
  return { home, env, unit: `${home.path}/home/${unit}` };
}

test.concurrent("install writes a profile and a unit, twice is the same, status tells, uninstall keeps the profile", async () => {
  const { home, env, unit } = await makeHome();
  await using _ = home;
  const profile = `${home.path}/home/.config/kt/tunnels.toml`;
  const first = await home.run(["service", "install"], env);
  expect(first.stderr).not.toContain("error");
  expect(first.exitCode).toBe(0);
  expect(first.stdout).toContain(`wrote ${profile}`);
  expect(first.stdout).toContain(`by ${unit}`);
  expect(await file(profile).text()).toContain("# [routes]".slice(2));
  const text = await file(unit).text();
  expect(text).toContain(profile);
  expect(text).toContain("BUN_JSC_useFTLJIT");
  expect(text).toContain("AWS_PROFILE");
  expect(text).not.toContain("s3cret");
  const again = await home.run(["service", "install", "--json"], env);
  expect(JSON.parse(again.stdout)).toMatchObject({ change: "same", wroteProfile: false, profile, file: unit });
  const { stdout } = await home.run(["service", "status", "--json"], env);
  expect(JSON.parse(stdout)).toMatchObject({ installed: true, profile, file: unit, hub: null });
  const removed = await home.run(["service", "uninstall"], env);
  expect(removed.stdout).toContain(`removed ${unit}; the profile stays`);
  expect(await file(unit).exists()).toBe(false);
  expect(await file(profile).exists()).toBe(true);
  expect((await home.run(["service", "uninstall"], env)).stdout).toContain("not installed");
  const after = await home.run(["service", "status"], env);
  expect(after.stdout).toMatch(/^service {2}not installed/);
  expect(after.stderr).toContain("kt: hint: kt service install");
});

test.skipIf(process.platform !== "linux").concurrent("XDG_CONFIG_HOME counts, and -f names another profile", async () => {
  const { home, env } = await makeHome();
  await using _ = home;
  const config = `${home.path}/odd config`;
  await writeFile(`${home.project}/tunnels.toml`, '[routes]\n"a.localhost" = "svc/a:80"\n');
  const { exitCode } = await home.run(["service", "install", "-f", "tunnels.toml"], { ...env, XDG_CONFIG_HOME: config });
  expect(exitCode).toBe(0);
  expect(await file(`${config}/systemd/user/kt.service`).text()).toContain(`"--file" "${home.project}/tunnels.toml"`);
  expect(await file(`${config}/kt/tunnels.toml`).exists()).toBe(false);
});

test.concurrent("a profile that the service could not use is refused before anything is written", async () => {
  const { home, env, unit } = await makeHome();
  await using _ = home;
  await writeFile(`${home.project}/tunnels.toml`, 'namespace = "${ONLY_HERE}"\n');
  const { exitCode, stderr } = await home.run(["service", "install", "-f", "tunnels.toml"], { ...env, ONLY_HERE: "x" });
  expect(exitCode).toBe(2);
  expect(stderr).toContain("the environment has no ONLY_HERE");
  expect(stderr).toContain("kt: hint: a service only knows HOME, PATH, AWS_PROFILE");
  expect(await file(unit).exists()).toBe(false);
  const missing = await home.run(["service", "install", "-f", "nowhere.toml"], env);
  expect(missing.exitCode).toBe(2);
});

test.concurrent("a proxy with a password is left out, with a warning", async () => {
  const { home, env, unit } = await makeHome();
  await using _ = home;
  const { stderr } = await home.run(["service", "install"], { ...env, HTTPS_PROXY: "http://me:s3cret@p:1" });
  expect(stderr).toContain("kt: warning: HTTPS_PROXY holds a login and is left out");
  expect(await file(unit).text()).not.toContain("s3cret");
});

test.concurrent("no service manager: 1, and what to do instead", async () => {
  const home = await SourceHome.make();
  await using _ = home;
  const { exitCode, stderr } = await home.run(["service", "install"], { PATH: "/nowhere" });
  expect(exitCode).toBe(1);
  expect(stderr).toContain("kt serve -f FILE");
  expect(await file(`${home.path}/home/.config/kt/tunnels.toml`).exists()).toBe(false);
});

test.concurrent("a word that is none", async () => {
  const home = await SourceHome.make();
  await using _ = home;
  const { exitCode, stderr } = await home.run(["service", "instal"]);
  expect(exitCode).toBe(2);
  expect(stderr).toContain('kt: error: kt service does not know "instal"\nkt: hint: kt service install\n');
  expect((await home.run(["service"])).exitCode).toBe(2);
});
