/** Loading from the file system: finding the file, what cannot be read, and the error that carries every problem. */

import { portsOf } from "#profile/values/planned.ts";
import { afterAll, describe, expect, test } from "bun:test";
import { mkdir, mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { spawnSync, write } from "bun";
import { routeEntries } from "#profile/entries.ts";
import { findProfile } from "#profile/read/find.ts";
import { loadPlan } from "#profile/load.ts";
import { ProfileError } from "#profile/values/problems.ts";
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
    expect(portsOf(plan)).toMatchObject([{ name: "5432", listen: [{ host: "127.0.0.1" }, { host: "::1" }] }]);
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
        { file, line: 4, column: 1, message: '"a b" is not a valid hostname' },
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

test("[http] tls is for routes, patterns, dynamic names and kt's own pages, which are never redirected", async () => {
  const file = await project("all-tls", {
    "tunnels.toml": `[http]
tls = "terminate"
redirect = true
[routes]
"a.localhost" = "svc/a:80"
[routes."b.localhost"]
target = "svc/b:443"
tls = "passthrough"
[[patterns]]
host = "{s}.x.localhost"
target = "svc/{s}:80"
redirect = false`,
  });
  const { plan } = await loadPlan({ ...options, file });
  const table = RouteTable.build(routeEntries([plan]));
  const redirectsOf = (host: string): boolean | undefined => {
    const found = table.lookup(host);
    return found.kind === "found" ? found.tls?.redirects : undefined;
  };
  expect(redirectsOf("a.localhost")).toBe(true);
  expect(redirectsOf("b.localhost")).toBeUndefined();
  expect(redirectsOf("web.x.localhost")).toBe(false);
  expect(redirectsOf("web-80.svc.shop.ns.current.cx.k8s.localhost")).toBe(true);
  expect([redirectsOf("kt.localhost"), table.ownTls?.redirects]).toEqual([false, false]);
});

describe("what strangers name", () => {
  test("is not a pipe, a device or a folder, and nothing waits", async () => {
    spawnSync(["mkdir", "-p", join(root, "odd")]);
    spawnSync(["mkfifo", join(root, "odd/pipe.toml")]);
    for (const name of [join(root, "odd/pipe.toml"), "/dev/zero", join(root, "odd")]) {
      const file = await project("odd", { "tunnels.toml": `extends = ["${name}"]` });
      expect(await failure(loadPlan({ ...options, file }))).toMatchObject({
        code: "profile-unreadable",
        message: expect.stringMatching(/^cannot read ".+": it is a (pipe|device|directory), not a regular file$/),
      });
    }
  });

  test("is not quoted unless it is called a profile, by its own name and not by that of a link", async () => {
    const canary = "canary-of-a-build";
    for (const [name, text] of Object.entries({
      "extended/environ": `TOKEN=${canary}\u0000PATH=/bin`,
      "typed/secrets.ini": `password = "${canary}"\n[routes]\nx = "${canary}"`,
      "valued/settings.conf": `namespace = "${canary}!"\nidle_timeout = "${canary}"`,
    })) {
      const folder = name.split("/")[0] ?? "";
      const other = name.split("/")[1] ?? "";
      const file = await project(folder, { [other]: text, "tunnels.toml": `extends = ["./${other}", "./link.toml"]` });
      await symlink(join(root, name), join(root, folder, "link.toml"));
      const thrown = await failure(loadPlan({ ...options, file }));
      if (!(thrown instanceof ProfileError)) return expect.unreachable();
      expect(thrown.problems.map(({ message }) => message)).toEqual(["this is not a profile", "this is not a profile"]);
      expect(JSON.stringify(thrown)).not.toContain(canary);
    }
  });

  test("is a secret nowhere in errors, where it looks like one", async () => {
    const file = await project("secrets", { "tunnels.toml": 'namespace = "https://me:canary@x"\n[env]\nTOKEN = 1\npassword = "canary" x' });
    const thrown = await failure(loadPlan({ ...options, file }));
    expect(JSON.stringify(thrown)).not.toContain("canary");
  });

  test("is bounded in size, in depth and in files", async () => {
    const keys = (count: number): string => Array.from({ length: count }, (_, index) => `c${index} = "d"\n`).join("");
    const deep = `a${".a".repeat(50_000)} = 1`;
    const many = Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`${index}.toml`, `extends = ["./${index + 1}.toml"]`]));
    const large = `# ${"x".repeat(2 ** 20)}`;
    for (const [folder, files, message] of [
      ["long", { "tunnels.toml": `[contexts]\n${keys(20_001)}` }, "it has more than 20000 tables and keys"],
      ["long as a list", { "tunnels.toml": "[[patterns]]\n".repeat(20_001) }, "it has more than 20000 tables and keys"],
      ["deep", { "tunnels.toml": deep }, "tables and lists stand more than 32 deep in each other"],
      ["many", { ...many, "100.toml": "", "tunnels.toml": 'extends = ["./0.toml"]' }, "a profile may be made of 64 files"],
      ["large", { "tunnels.toml": large }, "it is larger than 1 MiB"],
    ] as const) {
      const file = await project(folder, files);
      expect(await failure(loadPlan({ ...options, file }))).toMatchObject({ message: expect.stringContaining(message) });
    }
  });
});

test("a warning names the route that it is about", async () => {
  const readText = async (path: string): Promise<string | undefined> =>
    path === "/p/tunnels.toml" ? '[routes]\n"a.localhost" = "svc/a:80"\n"b.test" = "svc/b:80"\n"c.b.test" = "svc/c:80"\n' : undefined;
  const { warnings } = await loadPlan({ file: "/p/tunnels.toml", environment: {}, home: "/h", readText });
  expect(warnings.map(({ route, line }) => [route, line])).toEqual([
    ["b.test", 3],
    ["c.b.test", 4],
  ]);
});
