/** The machine's hosts file, as one of the test's own: what is kept, in every shape that it can have. */

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { chmodSync, lstatSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { spawn, spawnSync, which } from "bun";
import { keepOriginal } from "#host/names/hosts-original.ts";
import { setNames } from "#host/names/names-helper.ts";
import { tempDir } from "#test/support/temp-dir.ts";

const program = new URL("../support/change-hosts.ts", import.meta.url).pathname;
const owner = { uid: 1000, pid: 1 };
const db = [{ address: "127.0.0.1", names: ["db"] }];
const withDb = (text: string): string => `${text}# BEGIN kt 1000-1\n127.0.0.1 db\n# END kt 1000-1\n`;

let directory: Awaited<ReturnType<typeof tempDir>>;
let path: string;
beforeEach(async () => {
  directory = await tempDir();
  path = `${directory.path}/hosts`;
});
afterEach(async () => await directory[Symbol.asyncDispose]());

const file = () => ({ path, lock: `${directory.path}/lock`, journal: `${directory.path}/journal` });
const text = (): string => readFileSync(path, "latin1");

function put(before: string): void {
  writeFileSync(path, Buffer.from(before, "latin1"));
}

describe("a change", () => {
  test.each([
    ["of 2 MB", "10.0.0.1 name-of-a-host\n".repeat(90_000)],
    ["with CRLF", "127.0.0.1 localhost\r\n# caf\u00e9\r\n"],
    ["without a last newline", "127.0.0.1 localhost"],
    ["with a BOM and bytes of no text", "\u00ef\u00bb\u00bf127.0.0.1 localhost\n\u00ff\u0000\n"],
    ["that is empty", ""],
  ])("and its undoing leave a file %s as it was", (_what, before) => {
    put(before);
    setNames(file(), owner, db);
    expect(text()).toContain("127.0.0.1 db");
    expect(text()).toStartWith(before);
    setNames(file(), owner, []);
    expect(text()).toBe(before);
  });

  test("keeps mode and owner, and is a new file: who reads the old one reads all of it", () => {
    put("x\n");
    chmodSync(path, 0o640);
    const before = statSync(path);
    setNames(file(), owner, db);
    const after = statSync(path);
    expect([after.mode, after.uid, after.gid]).toEqual([before.mode, before.uid, before.gid]);
    expect(after.ino).not.toBe(before.ino);
    expect(readdirSync(directory.path).sort()).toEqual(["hosts", "lock"]);
  });

  test.skipIf(which("setfacl") === null)("keeps its access control list", () => {
    put("x\n");
    spawnSync(["setfacl", "-m", "u:65534:r", path]);
    const acl = () => spawnSync(["getfacl", "-cE", path]).stdout.toString();
    const before = acl();
    setNames(file(), owner, db);
    expect(acl()).toBe(before);
  });

  test("of a link is one of the file that it leads to", () => {
    writeFileSync(`${directory.path}/real`, "x\n");
    symlinkSync("real", path);
    setNames(file(), owner, db);
    expect(lstatSync(path).isSymbolicLink()).toBe(true);
    expect(readFileSync(`${directory.path}/real`, "utf8")).toBe(withDb("x\n"));
  });

  test("that changes nothing writes nothing", () => {
    put(withDb("x\n"));
    const { ino, mtimeMs } = statSync(path);
    setNames(file(), owner, db);
    expect(statSync(path)).toMatchObject({ ino, mtimeMs });
  });

  test("of a file that cannot be read is refused, and nothing is made", () => {
    expect(() => setNames(file(), owner, db)).toThrow("no such file");
    expect(readdirSync(directory.path)).toEqual(["lock"]);
  });

  test("by many at once loses nothing", async () => {
    put("x\n");
    const users = ["1", "2", "3", "4", "5", "6"];
    const all = users.map((user) => spawn([process.execPath, program, path, user, `a${user}`]).exited);
    expect(await Promise.all(all)).toEqual(users.map(() => 0));
    for (const user of users) expect(text()).toContain(`# BEGIN kt ${user}-1\n127.0.0.1 a${user}\n# END kt ${user}-1\n`);
  });
});

describe("the copy of the original", () => {
  test("is without what kt has added, whole, and not made where it cannot be", () => {
    put("127.0.0.1 localhost");
    setNames(file(), owner, db);
    keepOriginal(path, `${directory.path}/copy`);
    expect(readFileSync(`${directory.path}/copy`, "utf8")).toBe("127.0.0.1 localhost");
    expect(() => keepOriginal(path, `${directory.path}/missing/copy`)).toThrow('hosts" to');
    expect(() => keepOriginal(`${directory.path}/none`, `${directory.path}/copy2`)).toThrow("no such file");
    expect(readdirSync(directory.path).sort()).toEqual(["copy", "hosts", "lock"]);
  });
});

/** Runs the change in a mount namespace of its own, after a shell command that prepares it, and before one that says what became of it. */
function inNamespace(prepare: string, after: string) {
  const change = `"${process.execPath}" "${program}" "${path}" 1000 db`;
  const { stdout, stderr } = spawnSync(["unshare", "--mount", "sh", "-c", `${prepare}\n${change}; echo "code $?"\n${after}`]);
  return `${stdout}${stderr}`;
}

describe.if(process.platform === "linux" && process.getuid?.() === 0)("where the file is", () => {
  test("a mount of its own, it is changed in place", () => {
    put("x\n");
    writeFileSync(`${directory.path}/other`, "127.0.0.1 localhost\n");
    expect(inNamespace(`mount --bind ${directory.path}/other ${path}`, `cat ${path}`)).toBe(`code 0\n${withDb("127.0.0.1 localhost\n")}`);
    expect(text()).toBe("x\n");
  });

  test("in a folder of which nothing may be written, it stays, and that is said", () => {
    put("x\n");
    const said = inNamespace(
      `touch ${path}.lock; mount --bind ${directory.path} ${directory.path}; mount -o remount,bind,ro ${directory.path}`,
      `cat ${path}`,
    );
    expect(said).toContain("code 1\nx\n");
    expect(said.toLowerCase()).toContain("read-only");
  });

  test("on a full disk, it stays whole", () => {
    const big = "10.0.0.1 name\n".repeat(1000);
    const prepare = `mount -t tmpfs -o size=64k none ${directory.path}; yes "10.0.0.1 name" | head -n 1000 > ${path}; head -c 100000 /dev/zero > ${directory.path}/full 2>/dev/null`;
    const said = inNamespace(prepare, `cat ${path}; ls ${directory.path}`);
    expect(said).toContain(`code 1\n${big}full\nhosts\n`);
    expect(said).toContain("no space left");
  });
});
