/** `install.sh` on other systems: which binary it takes, what it needs, what it says of the PATH, and the real kt through it. */

import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { CryptoHasher, file, which, write } from "bun";
import { installerOf } from "#scripts/release-files.ts";
import { CleanRoot, type CleanRunOptions } from "#test/support/clean-root.ts";
import { type Ran, run } from "#test/support/cluster.ts";
import { binary } from "#test/support/kt.ts";
import { pretendedKt, ReleaseServer, release } from "#test/support/release-server.ts";

const path = new URL("../../install.sh", import.meta.url).pathname;
const script = readFileSync(path, "utf8");
const kt = "/home/user/.local/bin/kt";
const isRoot = process.getuid?.() === 0;

/** A `uname` that says so, and a `sysctl` beside it as on an arm64 Mac. */
function pretendSystem(root: CleanRoot, folder: string, system: string, machine: string, appleSilicon = false): void {
  root.write(`/tools/${folder}/uname`, `#!/bin/sh\ncase $1 in -s) echo ${system} ;; -m) echo ${machine} ;; esac\n`);
  if (appleSilicon) root.write(`/tools/${folder}/sysctl`, '#!/bin/sh\n[ "$2" = hw.optional.arm64 ] && echo 1\n');
}

describe.skipIf(!isRoot)("install.sh on other systems (needs root, for chroot)", () => {
  let root: CleanRoot;
  let musl: CleanRoot;
  let server: ReleaseServer;

  beforeAll(() => {
    root = new CleanRoot("dash");
    musl = new CleanRoot("busybox");
    server = new ReleaseServer();
    root.addProgram("openssl", "tools/openssl");
    root.write("/tools/shasum/shasum", '#!/bin/sh\n[ "$*" = "-a 256" ] && exec /bin/busybox sha256sum\n');
    root.write("/install.sh", script);
    musl.write("/install.sh", script);
  });
  beforeEach(() => {
    for (const each of [root, musl]) each.newHome();
    server.serve("", release("0.2.0"));
  });
  afterAll(() => {
    server.close();
    for (const each of [root, musl]) each.remove();
  });

  async function install(args: readonly string[] = ["--from", server.url], options: CleanRunOptions = {}): Promise<Ran> {
    return await root.run(["/bin/busybox-sh", "sh", "/install.sh", ...args], { tools: ["busybox-wget", "sha256sum"], ...options });
  }

  test.each([
    ["Linux", "x86_64", false, "kt-linux-x64"],
    ["Linux", "aarch64", false, "kt-linux-arm64"],
    ["Darwin", "arm64", true, "kt-darwin-arm64"],
    ["Darwin", "x86_64", false, "kt-darwin-x64"],
    // A shell under Rosetta.
    ["Darwin", "x86_64", true, "kt-darwin-arm64"],
  ])("%s %s, apple silicon: %p", async (system, machine, appleSilicon, wanted) => {
    pretendSystem(root, `${system}-${machine}-${appleSilicon}`, system, machine, appleSilicon);
    const ran = await install(undefined, { tools: [`${system}-${machine}-${appleSilicon}`, "busybox-wget", "sha256sum"] });
    expect(ran).toMatchObject({ exitCode: 0, stderr: "" });
    expect(server.requests).toEqual(["/SHA256SUMS", `/${wanted}`]);
  });

  test("musl, where the shell's own loader says so or no glibc is there", async () => {
    for (const shell of [undefined, "\x7fELF\x02\x00/lib/ld-musl-x86_64.so.1\0/lib64/ld-linux-x86-64.so.2\0"]) {
      server.requests = [];
      musl.newHome();
      if (shell !== undefined) {
        // The pretended kt is a script, which must not need the pretended shell.
        server.serve("", release("0.2.0", pretendedKt("0.2.0").replace("#!/bin/sh", "#!/bin/busybox-sh sh")));
        musl.write("/lib64/ld-linux-x86-64.so.2", "");
        musl.write("/bin/sh", shell);
      }
      const ran = await musl.run(["/bin/busybox-sh", "sh", "/install.sh", "--from", server.url], { tools: ["busybox-wget", "sha256sum"] });
      expect(ran).toMatchObject({ exitCode: 0, stderr: "" });
      expect(server.requests).toEqual(["/SHA256SUMS", "/kt-linux-x64-musl"]);
    }
  });

  test("systems that kt is not made for", async () => {
    for (const [system, machine, said] of [
      ["FreeBSD", "amd64", /no binary for FreeBSD/],
      ["MINGW64_NT-10.0", "x86_64", /no binary for MINGW64_NT-10\.0[\s\S]*WSL2/],
      ["Linux", "armv7l", /no binary for armv7l/],
    ] as const) {
      pretendSystem(root, "elsewhere", system, machine);
      const ran = await install(undefined, { tools: ["elsewhere", "busybox-wget", "sha256sum"] });
      expect(ran).toMatchObject({ exitCode: 1, stdout: "" });
      expect(ran.stderr).toMatch(said);
    }
    expect((await install(undefined, { under: ["setarch", "i686"] })).stderr).toMatch(/no binary for i686/);
    expect(server.requests).toEqual([]);
    expect(root.tree("/home/user")).toEqual([]);
  });

  test("32-bit programs on a 64-bit kernel", async () => {
    musl.write("/bin/sh", "\x7fELF\x01\x01");
    const ran = await musl.run(["/bin/busybox-sh", "sh", "/install.sh", "--from", server.url], { tools: ["busybox-wget", "sha256sum"] });
    expect(ran).toMatchObject({ exitCode: 1, stdout: "", stderr: "install.sh: error: kt has no binary for a 32-bit system\n" });
  });

  test("neither curl nor wget, and nothing to make sums with", async () => {
    const noDownloader = await install(undefined, { tools: ["sha256sum"] });
    expect(noDownloader).toMatchObject({ exitCode: 1, stdout: "", stderr: "install.sh: error: neither curl nor wget is installed\n" });
    const noSums = await install(undefined, { tools: ["busybox-wget"] });
    expect(noSums).toMatchObject({ exitCode: 1, stdout: "" });
    expect(noSums.stderr).toBe("install.sh: error: none of sha256sum, shasum and openssl is installed\n");
    expect(root.tree("/home/user")).toEqual([]);
  });

  test.each(["shasum", "openssl"])("sums by %s", async (program) => {
    expect(await install(undefined, { tools: ["busybox-wget", program] })).toMatchObject({ exitCode: 0, stderr: "" });
    server.add("", { "kt-linux-x64": "something else" });
    const wrong = await install(["--from", server.url, "--prefix", "/home/user/other"], { tools: ["busybox-wget", program] });
    expect(wrong.stderr).toMatch(/the sum of "kt-linux-x64" is wrong/);
  });

  test.each([
    ["/bin/bash", "echo 'export PATH=\"/home/user/.local/bin:$PATH\"' >>~/.bashrc"],
    ["/usr/bin/zsh", "echo 'export PATH=\"/home/user/.local/bin:$PATH\"' >>~/.zshrc"],
    ["/usr/bin/fish", 'fish_add_path "/home/user/.local/bin"'],
    ["/bin/ash", "echo 'export PATH=\"/home/user/.local/bin:$PATH\"' >>~/.profile"],
  ])("what to do about the PATH in %s", async (shell, advice) => {
    const { stdout } = await install(undefined, { env: { SHELL: shell } });
    expect(stdout.split("\n")[1]).toBe(`add it to your PATH: ${advice}`);
    // What it says works: the other shells are not in this root.
    if (shell !== "/bin/bash") return;
    const ran = await root.run(["/bin/bash", "-c", `${advice}; . ~/.bashrc; kt version`]);
    expect(ran.stdout).toBe("kt 0.2.0 (abc) linux-x64\n");
  });

  test("nothing about a PATH that has it, and a word about another kt that comes first", async () => {
    const PATH = "/tools/busybox-wget:/tools/sha256sum:/tools/base:/home/user/.local/bin";
    expect((await install(undefined, { env: { PATH } })).stdout).toBe(`installed kt 0.2.0 (abc) linux-x64 as ${kt}\n`);
    root.write("/tools/other/kt", "#!/bin/sh\n");
    const { stdout } = await install(undefined, { env: { PATH: `/tools/other:${PATH}` } });
    expect(stdout).toEndWith("another kt comes first in your PATH: /tools/other/kt\n");
  });

  test.each([
    ["0.9.0", "0.10.0", true],
    ["0.2.0", "0.2.0", true],
    ["0.2.0-rc.1", "0.2.0", true],
    ["0.2.0", "0.2.1-rc.1", true],
    ["0.2.0", "0.2.0-rc.1", false],
    ["1.0.0", "0.99.9", false],
    ["0.10.0", "0.9.0", false],
  ])("from %s to %s: %p", async (from, to, goes) => {
    server.serve("", release(from));
    await install();
    server.serve("", release(to, `${pretendedKt(to)}# another build\n`));
    expect((await install()).exitCode).toBe(goes ? 0 : 1);
    expect(root.read(kt)).toContain(goes ? `kt ${to} ` : `kt ${from} `);
  });

  test("a release's own installer takes the newest release, or the one that is asked for", async () => {
    root.write("/release/install.sh", installerOf(script, `${server.url}/example/kt/releases`));
    server.serve("/example/kt/releases/latest/download", release("0.3.0"));
    server.add("/example/kt/releases/download/v0.2.0", release("0.2.0"));
    const ask = async (...args: string[]): Promise<string> =>
      (await root.run(["/bin/dash", "/release/install.sh", ...args], { tools: ["busybox-wget", "sha256sum"] })).stdout.split("\n")[0] ?? "";
    expect(await ask("--version", "0.2.0")).toBe(`installed kt 0.2.0 (abc) linux-x64 as ${kt}`);
    expect(await ask()).toBe(`installed kt 0.3.0 (abc) linux-x64 as ${kt}, it was 0.2.0`);
    expect(await ask("--version", "v0.2.0", "--force")).toBe(`installed kt 0.2.0 (abc) linux-x64 as ${kt}, it was 0.3.0`);
  });

  test("wrong use", async () => {
    for (const [args, said] of [
      [["--frobnicate"], /unknown option "--frobnicate"[\s\S]*--help/],
      [["--from"], /--from wants a value/],
      [["--prefix", ""], /--prefix wants a value/],
      [["--from", server.url, "--version", "1"], /exclude each other/],
      [["--version", "0.2.0"], /a checkout holds no releases/],
      [[], /could not get "SHA256SUMS" from "\/+dist": nothing was installed[\s\S]*build --all/],
    ] as const) {
      const ran = await install(args);
      expect(ran).toMatchObject({ exitCode: 1, stdout: "" });
      expect(ran.stderr).toMatch(said);
    }
    expect((await install(undefined, { env: { HOME: "" } })).stderr).toMatch(/HOME is not set[\s\S]*--prefix DIR/);
    expect(root.tree("/home/user")).toEqual([]);
    const help = await install(["--help"]);
    expect(help).toMatchObject({ exitCode: 0, stderr: "" });
    for (const option of script.match(/^ {6}(--\w+)(?= \||\))/gm) ?? []) expect(help.stdout).toContain(option.trim());
  });
});

test("the real kt is installed on this machine's own system", async () => {
  const folder = mkdtempSync(`${tmpdir()}/kt-install-`);
  try {
    // install.sh asks for the name of this machine's binary; all of them are this one.
    const sum = new CryptoHasher("sha256").update(await file(binary).bytes()).digest("hex");
    const names = ["x64", "arm64", "x64-musl", "arm64-musl"].map((cpu) => `kt-linux-${cpu}`);
    await write(`${folder}/dist/SHA256SUMS`, names.map((name) => `${sum}  ${name}\n`).join(""));
    for (const name of names) symlinkSync(binary, `${folder}/dist/${name}`);
    mkdirSync(`${folder}/home`);
    const env = { PATH: process.env["PATH"] ?? "", HOME: `${folder}/home`, TMPDIR: tmpdir() };
    const ran = await run(["sh", path, "--from", `${folder}/dist`], { env });
    const version = await run([`${folder}/home/.local/bin/kt`, "version"], { env });
    expect(ran).toMatchObject({ exitCode: 0, stderr: "" });
    expect(ran.stdout).toStartWith(`installed ${version.stdout.trim()} as ${folder}/home/.local/bin/kt\n`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test.skipIf(which("shellcheck") === null)("shellcheck finds nothing in install.sh and .ci/run (needs shellcheck)", async () => {
  const ci = new URL("../../.ci/run", import.meta.url).pathname;
  expect(await run(["shellcheck", path, ci])).toEqual({ exitCode: 0, stdout: "", stderr: "" });
});
