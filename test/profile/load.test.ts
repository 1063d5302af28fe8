/** Loading from the file system: finding the file, what cannot be read, and the error that carries every problem. */

import { afterAll, describe, expect, test } from "bun:test";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { write } from "bun";
import { routeEntries, tcpEntries } from "#profile/entries.ts";
import { findProfile } from "#profile/find.ts";
import { loadPlan } from "#profile/load.ts";
import { ProfileError } from "#profile/problems.ts";
import { RouteTable } from "#route/table.ts";

const root = await mkdtemp(join(tmpdir(), "kt-profile-"));
afterAll(() => rm(root, { recursive: true }));

async function project(name: string, files: Record<string, string>): Promise<string> {
  for (const [path, text] of Object.entries(files)) await write(join(root, name, path), text);
  return join(root, name, "tunnels.toml");
}

async function failure(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => expect.unreachable(),
    (thrown: unknown) => thrown,
  );
}

const options = { environment: {}, home: "/home/me" };

describe("findProfile", () => {
  test("walks up to the nearest", async () => {
    const file = await project("found", { "tunnels.toml": "", "a/b/x.txt": "", "a/tunnels.toml": "" });
    expect(await findProfile(join(root, "found"))).toBe(file);
    expect(await findProfile(join(root, "found/a/b"))).toBe(join(root, "found/a/tunnels.toml"));
  });

  test("takes no directory for a file", async () => {
    const file = await project("directory", { "tunnels.toml": "", "a/tunnels.toml/x": "" });
    expect(await findProfile(join(root, "directory/a"))).toBe(file);
  });

  test("says so when there is none", async () => {
    await mkdir(join(root, "none"));
    expect(await failure(findProfile(join(root, "none")))).toMatchObject({
      code: "profile-not-found",
      hints: ["kt init", "name another one with -f FILE"],
    });
  });
});

describe("loadPlan", () => {
  test("reads the file, what it extends and its local override", async () => {
    const file = await project("whole", {
      "tunnels.toml": 'extends = ["sub/team.toml"]\n[tcp]\n5432 = "svc/db:5432"',
      "tunnels.local.toml": 'context = "mine"',
      "sub/team.toml": '[routes]\n"web.localhost" = "svc/web:80"',
    });
    const { plan, warnings } = await loadPlan({ ...options, file });
    expect(plan).toMatchObject({
      profile: file,
      name: "whole",
      context: "mine",
      files: [file, file.replace(".toml", ".local.toml"), join(root, "whole/sub/team.toml")],
    });
    expect(warnings).toEqual([]);
    expect(RouteTable.build(routeEntries([plan])).lookup("web.localhost")).toMatchObject({
      kind: "found",
      profile: file,
      target: { cluster: { context: "mine" } },
    });
    expect(tcpEntries([plan])).toMatchObject([{ route: "5432", profile: file, listen: [{ host: "127.0.0.1" }, { host: "::1" }] }]);
  });

  test("a file that is not there", async () => {
    const file = join(root, "nowhere/tunnels.toml");
    const error = await failure(loadPlan({ ...options, file }));
    expect(error).toMatchObject({ code: "profile-not-found", hints: [`kt init -f ${file}`] });
  });

  test("a file that cannot be read", async () => {
    const file = await project("unreadable", { "tunnels.toml/x": "" });
    expect(await failure(loadPlan({ ...options, file }))).toMatchObject({
      code: "profile-unreadable",
      message: expect.stringContaining(file),
    });
  });

  test("an error with every problem and every file that could mend it", async () => {
    const file = await project("broken", { "tunnels.toml": 'extends = ["gone.toml"]\ntaget = 1\n[routes]\n"a b" = "svc/web"\n' });
    const error = await failure(loadPlan({ ...options, file }));
    expect(error).toBeInstanceOf(ProfileError);
    expect(error).toMatchObject({
      code: "profile-not-found",
      message: 'tunnels.toml:1:12: "gone.toml" does not exist (and 3 more)',
      problems: [
        { file, line: 1, column: 12, code: "profile-not-found" },
        { file, line: 2, column: 1, message: 'unknown key "taget"' },
        { file, line: 4, column: 1, message: '"a b" is no hostname' },
        { file, line: 4, column: 9, message: 'target "svc/web" names no port' },
      ],
      files: [file, join(root, "broken/tunnels.local.toml"), join(root, "broken/gone.toml")],
    });
  });

  test("a route at the built-in pattern with a context's short name", async () => {
    const file = await project("contexts", {
      "tunnels.toml": '[contexts]\nprod = "arn:prod"\n[[patterns]]\nhost = "{s}.{c}.x.localhost"\ntarget = "svc/{s}:80"\ncontext = "{c}"',
    });
    const { plan } = await loadPlan({ ...options, file });
    const table = RouteTable.build(routeEntries([plan]));
    expect(table.lookup("web.prod.x.localhost")).toMatchObject({ via: "pattern", target: { cluster: { context: "arn:prod" } } });
    expect(table.lookup("web-80.svc.shop.ns.prod.cx.k8s.localhost")).toMatchObject({
      via: "dynamic",
      target: { cluster: { context: "arn:prod" } },
    });
  });
});
