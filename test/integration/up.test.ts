/** `kt up` as a process: Ctrl-C, `kt down` elsewhere, a hub that is killed, two starts at once, and what the hub inherits. */

import { expect, test } from "bun:test";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { listen, type Subprocess } from "bun";
import { freePorts, isAlive, processesWith } from "#test/support/process.ts";
import { SourceHome } from "#test/support/source-home.ts";
import { eventually } from "#test/support/wait.ts";

async function withProfile(): Promise<{ home: SourceHome; url: string }> {
  const home = await SourceHome.make();
  const [port = 0] = freePorts(1);
  await writeFile(`${home.project}/tunnels.toml`, `[http]\nlisten = ["127.0.0.1:${port}"]\n[routes]\n"web.localhost" = "svc/web:80"\n`);
  return { home, url: `http://web.localhost:${port}` };
}

/** Everything a process prints, as it comes. */
function collect({ stdout, stderr }: Subprocess<"ignore", "pipe", "pipe">): () => string {
  let text = "";
  for (const stream of [stdout, stderr]) {
    void (async () => {
      for await (const bytes of stream) text += new TextDecoder().decode(bytes);
    })();
  }
  return () => text;
}

test.concurrent("Ctrl-C detaches and ends with 130; the hub follows", async () => {
  const { home, url } = await withProfile();
  await using _ = home;
  const up = home.start(["up"]);
  const output = collect(up);
  await eventually("the route", () => output().includes(url));
  const hub = (await home.hubPid()) ?? 0;
  up.kill("SIGINT");
  expect(await up.exited).toBe(130);
  await eventually("the hub to end", () => !isAlive(hub));
});

test.concurrent("Ctrl-C ends it also while the hub does not answer", async () => {
  const { home } = await withProfile();
  await using _ = home;
  const connected = Promise.withResolvers<void>();
  const directory = `${home.env["XDG_RUNTIME_DIR"]}/kt`;
  await mkdir(directory, { mode: 0o700 });
  using silent = listen({ unix: `${directory}/hub.sock`, socket: { open: () => connected.resolve(), data() {} } });
  const up = home.start(["up"]);
  await connected.promise;
  up.kill("SIGINT");
  expect(await up.exited).toBe(130);
  expect(silent.unix).toEndWith("hub.sock");
});

test.concurrent("kt down elsewhere ends it with 0", async () => {
  const { home, url } = await withProfile();
  await using _ = home;
  const up = home.start(["up"]);
  const output = collect(up);
  await eventually("the route", () => output().includes(url));
  await home.run(["down"]);
  expect(await up.exited).toBe(0);
  expect(output()).toContain("detached by kt down");
});

test.concurrent("a hub that is killed is replaced, and the profile attached again", async () => {
  const { home, url } = await withProfile();
  await using _ = home;
  const up = home.start(["up"]);
  const output = collect(up);
  await eventually("the route", () => output().includes(url));
  const first = (await home.hubPid()) ?? 0;
  process.kill(first, "SIGKILL");
  await eventually("another hub", async () => {
    const { stdout } = await home.run(["status", "--json"]);
    const { hub, profiles } = JSON.parse(stdout);
    return hub !== null && hub.pid !== first && profiles.length === 1;
  });
  expect(output()).toContain("kt: warning: the hub died; starting a new one");
  up.kill("SIGINT");
  await up.exited;
});

test.concurrent("a hub that is stopped says so, and kt up ends with 1", async () => {
  const { home, url } = await withProfile();
  await using _ = home;
  const up = home.start(["up"]);
  const output = collect(up);
  await eventually("the route", () => output().includes(url));
  process.kill((await home.hubPid()) ?? 0, "SIGTERM");
  expect(await up.exited).toBe(1);
  expect(output()).toContain("kt: error: the hub was stopped\nkt: hint: kt up\n");
});

test.skipIf(process.platform !== "linux").concurrent("two at the same moment start one hub", async () => {
  const { home } = await withProfile();
  await using _ = home;
  const codes = await Promise.all([1, 2, 3].map(async () => (await home.run(["up", "-d"])).exitCode));
  expect(codes).toEqual([0, 0, 0]);
  expect(processesWith(`XDG_RUNTIME_DIR=${home.env["XDG_RUNTIME_DIR"]}`)).toHaveLength(1);
});

test.skipIf(process.platform !== "linux").concurrent("the hub inherits neither credentials nor what redirects Bun", async () => {
  const { home } = await withProfile();
  await using _ = home;
  await home.run(["up", "-d"], { AWS_SECRET_ACCESS_KEY: "s3cret", BUN_OPTIONS: "--smol", HTTPS_PROXY: "http://127.0.0.1:1" });
  const environment = await readFile(`/proc/${await home.hubPid()}/environ`, "utf8");
  const names = environment.split("\0").map((entry) => entry.split("=")[0]);
  expect(names).toContain("XDG_RUNTIME_DIR");
  expect(names.filter((name) => /AWS|BUN_OPTIONS|PROXY/.test(name ?? ""))).toEqual([]);
});

test.concurrent("what a killed hub had to stay is attached again by the next one, unless it was taken down", async () => {
  const { home } = await withProfile();
  await using _ = home;
  await mkdir(`${home.project}/other`);
  const other = `${home.project}/other/tunnels.toml`;
  await writeFile(other, `name = "other"\n[http]\nlisten = ["127.0.0.1:${freePorts(1)[0]}"]\n`);
  const kill = async (): Promise<void> => {
    const pid = (await home.hubPid()) ?? 0;
    process.kill(pid, "SIGKILL");
    await eventually("its end", () => !isAlive(pid));
  };
  const attached = async (): Promise<[string, boolean][]> => {
    const { profiles }: { profiles: { name: string; pinned: boolean }[] } = JSON.parse((await home.run(["status", "--json"])).stdout);
    return profiles.map(({ name, pinned }): [string, boolean] => [name, pinned]).sort();
  };
  await home.run(["up", "-d"], { SECRET: "hunter2" });
  await home.run(["up", "-d", "-f", other], { SECRET: "hunter2" });
  const remembered = await readFile(`${home.env["XDG_RUNTIME_DIR"]}/kt/attached.json`, "utf8");
  expect(JSON.parse(remembered)).toEqual([`${home.project}/tunnels.toml`, other]);
  await kill();
  expect((await home.run(["status"])).stderr).toContain(
    `the next kt up attaches again what it had: ${home.project}/tunnels.toml, ${other}`,
  );
  const up = await home.run(["up", "-d"]);
  expect(up.stderr).toContain("the last hub was killed; attached again what it had: other");
  expect(await attached()).toEqual([
    ["other", true],
    ["project", true],
  ]);
  await kill();
  expect((await home.run(["down", "-f", other])).stdout).toContain(`detached ${other}`);
  await home.run(["up", "-d"]);
  expect(await attached()).toEqual([["project", true]]);
  await kill();
  await writeFile(`${home.project}/tunnels.toml`, "rutes = 1\n");
  const broken = await home.run(["up", "-d", "-f", other]);
  expect(broken.stderr).toContain(`"${home.project}/tunnels.toml" was attached to the last hub, and is not now: `);
  const pid = (await home.hubPid()) ?? 0;
  process.kill(pid, "SIGTERM");
  await eventually("its end", () => !isAlive(pid));
  expect((await home.run(["status"])).stderr).not.toContain("attaches again");
});
