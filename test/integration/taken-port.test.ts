/** A port that another kt has: every command names what has it and how it is given up, and none proposes to kill it. */

import { expect, test } from "bun:test";
import { writeFile } from "node:fs/promises";
import { freePorts } from "#test/support/process.ts";
import { SourceHome } from "#test/support/source-home.ts";
import { eventually } from "#test/support/wait.ts";

async function homeWith(name: string, port: number): Promise<SourceHome> {
  const home = await SourceHome.make();
  const routes = `[routes]\n"a.localhost" = "svc/a:80"\n"b.localhost" = "svc/b:80"\n`;
  await writeFile(`${home.project}/tunnels.toml`, `name = "${name}"\n[http]\nlisten = ["127.0.0.1:${port}"]\n${routes}`);
  return home;
}

test("by a hub elsewhere: its profile is named once, and the hint takes it down", async () => {
  const [port = 0] = freePorts(1);
  await using theirs = await homeWith("theirs", port);
  await using ours = await homeWith("ours", port);
  await theirs.run(["up", "-d"]);
  const { stdout } = await ours.run(["up", "-d"]);
  const pid = await theirs.hubPid();
  const fix = `XDG_RUNTIME_DIR=${theirs.path}/run kt down -f ${theirs.project}/tunnels.toml`;
  const holder = `profile "theirs" (${theirs.project}/tunnels.toml), which another kt hub (pid ${pid}) serves`;
  expect(stdout.split("\n").filter((line) => line.includes("is taken by"))).toEqual([`  127.0.0.1:${port} is taken by ${holder}`]);
  expect(stdout).toContain(`  ${fix}\n  choose another port in tunnels.toml: [http] listen\n`);
  const doctor = await ours.run(["doctor"]);
  expect(doctor.stdout).toContain(`${port} is taken by ${holder}`);
  expect(stdout + doctor.stdout).not.toContain("kill");
  await theirs.run(["down", "-f", `${theirs.project}/tunnels.toml`]);
  await eventually("the routes to open", async () => {
    const { profiles } = JSON.parse((await ours.run(["status", "--json"])).stdout);
    return profiles[0].listeners.every(({ open }: { open: boolean }) => open);
  });
});

test("by the demo", async () => {
  await using home = await SourceHome.make();
  const demo = home.start(["demo"], { TMPDIR: home.path });
  const listeners = async (): Promise<{ address: string }[]> =>
    JSON.parse((await home.run(["status", "--json"])).stdout).profiles.flatMap(({ listeners }: { listeners: object[] }) => listeners);
  const [first] = await eventually("the demo", async () => {
    const found = await listeners();
    return found.length > 0 ? found : undefined;
  });
  await using ours = await homeWith("ours", Number(first?.address.split(":").at(-1)));
  const { stdout } = await ours.run(["up", "-d"]);
  expect(stdout).toContain(`is taken by "kt demo" (pid ${demo.pid})\n  press Ctrl-C where that runs\n`);
  expect(stdout).not.toContain("kill");
  demo.kill("SIGINT");
  await demo.exited;
});
