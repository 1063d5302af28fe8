/** Profiles edited as files: what is refused, what stays of a file when nothing is written, and how it is put in its place. */

import { describe, expect, test } from "bun:test";
import { chmod, lstat, mkdir, readdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import type { NewRoute } from "#profile/edit/edit.ts";
import { prepareRoute, type RemovedRoute, removeFromProfile } from "#profile/edit/file.ts";
import type { LoadOptions } from "#profile/load.ts";
import { tempDir } from "#test/support/temp-dir.ts";

const fresh = "# new\n";
const own: NewRoute = { section: "routes", name: "own.localhost", target: "svc/own:80", settings: {} };

class Folder {
  readonly path: string;
  readonly #remove: () => Promise<void>;

  private constructor(path: string, remove: () => Promise<void>) {
    this.path = path;
    this.#remove = remove;
  }

  static async with(files: Readonly<Record<string, string | Uint8Array>>): Promise<Folder> {
    const directory = await tempDir();
    for (const [name, content] of Object.entries(files)) await writeFile(`${directory.path}/${name}`, content);
    return new Folder(directory.path, () => directory[Symbol.asyncDispose]());
  }

  options(name = "tunnels.toml"): LoadOptions {
    return { file: `${this.path}/${name}`, environment: {}, home: "/h" };
  }

  async add(route: Partial<NewRoute> = {}): Promise<readonly string[]> {
    const whole = { section: "routes", name: "new.localhost", target: "svc/new:80", settings: {}, ...route } as const;
    const prepared = await prepareRoute(this.options(), whole, fresh);
    await prepared.write();
    return prepared.written;
  }

  remove(...names: string[]): Promise<readonly RemovedRoute[]> {
    return removeFromProfile(this.options(), names);
  }

  names(): Promise<string[]> {
    return readdir(this.path);
  }

  text(name = "tunnels.toml"): Promise<string> {
    return readFile(`${this.path}/${name}`, "utf8");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#remove();
  }
}

describe("nothing is written", () => {
  const cases: [string, text: string | Uint8Array, route: Partial<NewRoute>, code: string, message: string][] = [
    ["to what is not TOML", "[routes\n", {}, "profile-syntax", "tunnels.toml:1:"],
    ["to what is not UTF-8", new Uint8Array([0x23, 0xff, 0x0a]), {}, "profile-unreadable", "cannot read"],
    ["to a profile that is wrong elsewhere", '[routes]\n"a.localhost" = 1\n', {}, "profile-invalid", "tunnels.toml:2:17"],
    ["for a variable that is not set", 'context = "${NONE}"\n', {}, "profile-variable", "NONE"],
    [
      "for a hostname that is routed",
      '\n[routes]\n"NEW.localhost" = "svc/a:80"\n',
      {},
      "route-conflict",
      '"NEW.localhost" in tunnels.toml:3:1',
    ],
    [
      "for a port that is routed",
      'tcp = { "127.0.0.1:80" = "svc/a:80" }\n',
      { section: "tcp", name: "80" },
      "route-conflict",
      "tunnels.toml:1:9",
    ],
    ["for a port of [http]", "http.listen = 80\n", { section: "tcp", name: "80" }, "profile-invalid", '"80" is taken by [http] listen'],
    ["for a port that is none", "", { section: "tcp", name: "70000" }, "profile-invalid", "70000"],
    ["for a bad hostname", "", { name: "a_b!.localhost" }, "profile-invalid", '"a_b!.localhost" is not a valid hostname'],
    ["for a bad target", "", { target: "svc/a" }, "profile-invalid", 'target "svc/a" names no port'],
    ["for a bad setting", "", { settings: { scheme: "ftp" } }, "profile-invalid", '"scheme" must be'],
    ["for a container without via", "", { settings: { container: "main" } }, "profile-invalid", "container"],
    ["where the section cannot take it", "[[routes]]\n", {}, "profile-invalid", "routes"],
  ];
  test.each(cases)("%s", async (_, text, route, code, message) => {
    await using folder = await Folder.with({ "tunnels.toml": text });
    await expect(folder.add(route)).rejects.toMatchObject({ code, message: expect.stringContaining(message) });
    expect(await readFile(`${folder.path}/tunnels.toml`)).toEqual(Buffer.from(text));
    expect(await readdir(folder.path)).toEqual(["tunnels.toml"]);
  });

  test("for a route of a file that is extended, or of the local override", async () => {
    await using folder = await Folder.with({
      "tunnels.toml": 'extends = ["./team.toml"]\n',
      "team.toml": '[routes]\n"team.localhost" = "svc/a:80"\n',
      "tunnels.local.toml": '[tcp]\n80 = "svc/a:80"\n',
    });
    await expect(folder.add({ name: "team.localhost" })).rejects.toMatchObject({ message: expect.stringContaining("in team.toml:2:1") });
    await expect(folder.add({ section: "tcp", name: "80" })).rejects.toMatchObject({
      message: expect.stringContaining("in tunnels.local.toml:2:1"),
      hints: [`kt rm -f ${folder.path}/tunnels.local.toml 80`],
    });
    await expect(folder.remove("team.localhost")).rejects.toMatchObject({
      message: expect.stringContaining(`in ${folder.path}/team.toml:2:1`),
    });
    await expect(folder.remove("80")).rejects.toMatchObject({ hints: [`kt rm -f ${folder.path}/tunnels.local.toml 80`] });
  });

  test("to what cannot be read, with how to look at it", async () => {
    await using folder = await Folder.with({ "tunnels.toml": new Uint8Array([0xff]) });
    await expect(folder.add()).rejects.toMatchObject({ hints: [`ls -l ${folder.path}/tunnels.toml`] });
  });

  test("when one of several routes is unknown", async () => {
    const text = '[routes]\n"a.localhost" = "svc/a:80"\n"b.localhost" = "svc/b:80"\n';
    await using folder = await Folder.with({ "tunnels.toml": text });
    await expect(folder.remove("a.localhost", "bb.localhost")).rejects.toMatchObject({
      code: "route-unknown",
      hints: ["kt rm b.localhost"],
    });
    expect(await folder.text()).toBe(text);
  });

  test("when [env] needs the route", async () => {
    const text = '[tcp]\n80 = "svc/a:80"\n[env]\nA = "${tcp.80.address}"\n';
    await using folder = await Folder.with({ "tunnels.toml": text });
    await expect(folder.remove("80")).rejects.toMatchObject({
      code: "profile-invalid",
      message: expect.stringContaining("tcp.80.address"),
    });
    expect(await folder.text()).toBe(text);
  });

  test("when the route came into the file meanwhile", async () => {
    await using folder = await Folder.with({ "tunnels.toml": "" });
    const prepared = await prepareRoute(folder.options(), own, fresh);
    await writeFile(`${folder.path}/tunnels.toml`, '[routes]\n"own.localhost" = "svc/mine:80"\n');
    await expect(prepared.write()).rejects.toMatchObject({ code: "route-conflict" });
    expect(await folder.text()).toBe('[routes]\n"own.localhost" = "svc/mine:80"\n');
    expect(await folder.names()).toEqual(["tunnels.toml"]);
  });

  test("to a folder", async () => {
    await using folder = await Folder.with({});
    await mkdir(`${folder.path}/tunnels.toml`);
    await expect(folder.add()).rejects.toMatchObject({
      code: "profile-unreadable",
      message: `cannot read "${folder.path}/tunnels.toml": it is a directory, not a regular file`,
    });
    expect(await folder.names()).toEqual(["tunnels.toml"]);
  });

  test.skipIf(process.getuid?.() === 0)("to a file that is not to be written", async () => {
    await using folder = await Folder.with({ "tunnels.toml": "" });
    await chmod(`${folder.path}/tunnels.toml`, 0o444);
    await expect(folder.add()).rejects.toMatchObject({ code: "profile-unwritable", message: expect.stringContaining("EACCES") });
  });
});

describe("a file", () => {
  test("keeps what comes in meanwhile", async () => {
    await using folder = await Folder.with({ "tunnels.toml": "" });
    const prepared = await prepareRoute(folder.options(), own, fresh);
    await writeFile(`${folder.path}/tunnels.toml`, "# mine\n");
    await prepared.write();
    expect(await folder.text()).toBe('# mine\n\n[routes]\n"own.localhost" = "svc/own:80"\n');
  });

  test("gets every route of many that are added and removed at once", async () => {
    const many = Array.from({ length: 20 }, (_, index) => `${7000 + index}`);
    const old = many.map((name) => `"old-${name}.localhost" = "svc/old:80"\n`).join("");
    await using folder = await Folder.with({ "tunnels.toml": `[routes]\n${old}[tcp]\n` });
    await Promise.all(many.flatMap((name) => [folder.add({ section: "tcp", name }), folder.remove(`old-${name}.localhost`)]));
    const lines = (await folder.text()).split("\n").filter((line) => line !== "");
    expect(lines.toSorted()).toEqual([...many.map((name) => `${name} = "svc/new:80"`), "[routes]", "[tcp]"]);
    expect(await folder.names()).toEqual(["tunnels.toml"]);
  });

  test("is made with the folder that it is in", async () => {
    await using folder = await Folder.with({});
    const prepared = await prepareRoute(folder.options("new/own/tunnels.toml"), own, fresh);
    await prepared.write();
    expect(await folder.text("new/own/tunnels.toml")).toContain("own.localhost");
  });

  test("is made where there is none", async () => {
    await using folder = await Folder.with({});
    expect(await folder.add()).toEqual(["[routes]", '"new.localhost" = "svc/new:80"']);
    expect(await folder.text()).toBe('# new\n\n[routes]\n"new.localhost" = "svc/new:80"\n');
  });

  test("keeps its byte order mark", async () => {
    await using folder = await Folder.with({ "tunnels.toml": '\uFEFF[routes]\r\n"a.localhost" = "svc/a:80"\r\n' });
    await folder.add();
    expect(await folder.text()).toBe('\uFEFF[routes]\r\n"a.localhost" = "svc/a:80"\r\n"new.localhost" = "svc/new:80"\r\n');
    await folder.remove("a.localhost", "new.localhost");
    expect(await folder.text()).toBe("\uFEFF[routes]\r\n");
  });

  test("keeps its mode, and stays behind its symbolic link", async () => {
    await using folder = await Folder.with({});
    await mkdir(`${folder.path}/real`);
    await writeFile(`${folder.path}/real/t.toml`, "");
    await chmod(`${folder.path}/real/t.toml`, 0o666);
    await symlink("real/t.toml", `${folder.path}/tunnels.toml`);
    await folder.add();
    expect((await lstat(`${folder.path}/tunnels.toml`)).isSymbolicLink()).toBe(true);
    expect((await stat(`${folder.path}/real/t.toml`)).mode & 0o777).toBe(0o666);
    expect(await folder.text("real/t.toml")).toContain("new.localhost");
    expect(await readdir(`${folder.path}/real`)).toEqual(["t.toml"]);
  });

  test("that is wrong may be mended by taking out what is", async () => {
    await using folder = await Folder.with({ "tunnels.toml": '[routes]\n"a.localhost" = 1\n"b.localhost" = "svc/b:80"\n' });
    expect(await folder.remove("a.localhost")).toEqual([{ name: "a.localhost", remains: undefined }]);
    expect(await folder.text()).toBe('[routes]\n"b.localhost" = "svc/b:80"\n');
  });
});

test("what another file still routes is reported", async () => {
  await using folder = await Folder.with({
    "tunnels.toml": 'extends = ["kt:argocd"]\n[routes]\n"argocd.localhost" = "svc/a:80"\n',
  });
  expect(await folder.remove("ArgoCD.localhost", "argocd.localhost.")).toEqual([{ name: "argocd.localhost", remains: "kt:argocd:10:1" }]);
});

test("a TCP route is found by what it means", async () => {
  await using folder = await Folder.with({ "tunnels.toml": '[tcp]\n"127.0.0.1:80" = "svc/a:80"\n5432 = "svc/b:80"\n' });
  const removed = await folder.remove("80", "localhost:5432");
  expect(removed.map(({ name }) => name)).toEqual(["127.0.0.1:80", "5432"]);
});

test("a service of a [[reverse]] is taken out by its name, with or without the profile's namespace", async () => {
  const table = (service: string): string => `[[reverse]]\nservice = "${service}"\nlocal = "127.0.0.1:3000"\n`;
  const head = 'namespace = "shop"\n';
  const text = [head, table("api:80"), table("shop/hooks:80"), table("other/api:80")].join("\n");
  await using folder = await Folder.with({ "tunnels.toml": text });
  const names = (removed: readonly RemovedRoute[]): readonly string[] => removed.map(({ name }) => name);
  expect(names(await folder.remove("shop/api:80", "hooks:80"))).toEqual(["api:80", "shop/hooks:80"]);
  expect(await folder.text()).toBe([head, table("other/api:80")].join("\n"));
  await expect(folder.remove("api:80")).rejects.toMatchObject({ code: "route-unknown" });
});

test("a service of a [[reverse]] that an extended file has is said to stand there", async () => {
  await using folder = await Folder.with({
    "tunnels.toml": 'extends = ["./team.toml"]\n',
    "team.toml": '[[reverse]]\nservice = "shop/api:80"\nlocal = "127.0.0.1:3000"\n',
  });
  await expect(folder.remove("shop/api:80")).rejects.toMatchObject({ hints: [`kt rm -f ${folder.path}/team.toml shop/api:80`] });
});
