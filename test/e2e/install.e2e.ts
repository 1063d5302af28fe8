/** `install.sh` in clean roots: fresh, updates, downgrades, downloads that break, and uninstalling, in three shells. */

import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { closeSync, openSync, readFileSync } from "node:fs";
import { CryptoHasher, gzipSync, spawn } from "bun";
import { CleanRoot } from "#test/support/clean-root.ts";
import type { Ran } from "#test/support/cluster.ts";
import { pretendedKt, type ReleaseFiles, ReleaseServer, release } from "#test/support/release-server.ts";
import { within } from "#test/support/wait.ts";

const script = readFileSync(new URL("../../install.sh", import.meta.url), "utf8");
const kt = "/home/user/.local/bin/kt";
const installed = [".local/", ".local/bin/", ".local/bin/kt 755"];

/** Its sum is right, and it lacks what this machine does not have. */
const brokenProgram = "#!/bin/sh\necho 'no libstdc++' >&2\nexit 127\n";

const shells: [string, readonly string[], string][] = [
  ["dash with curl", ["/bin/dash"], "curl"],
  ["bash with GNU wget", ["/bin/bash"], "wget"],
  ["busybox sh with busybox wget", ["/bin/busybox-sh", "sh"], "busybox-wget"],
];

/** Files whose sums are what they should be. */
function listed(files: ReleaseFiles): ReleaseFiles {
  const sums = Object.entries(files).map(([name, content]) => `${new CryptoHasher("sha256").update(content).digest("hex")}  ${name}\n`);
  return { ...files, SHA256SUMS: sums.join("") };
}

describe.skipIf(process.getuid?.() !== 0)("install.sh in a clean root (needs root, for chroot)", () => {
  let root: CleanRoot;
  let server: ReleaseServer;

  beforeAll(() => {
    root = new CleanRoot("dash");
    server = new ReleaseServer();
    for (const name of ["curl", "wget"]) root.addProgram(name, `tools/${name}`);
    root.write("/install.sh", script);
  });
  beforeEach(() => {
    root.newHome();
    server.serve("", release("0.2.0"));
  });
  afterAll(() => {
    server.close();
    root.remove();
  });

  /** Puts an older or newer kt there, as if installed before. */
  function installedBefore(text: string): void {
    root.write(kt, text);
    for (const path of ["/home/user/.local", "/home/user/.local/bin", kt]) root.give(path);
  }

  describe.each(shells)("%s", (_, shell, downloader) => {
    const tools = [downloader, "sha256sum"];

    async function install(...args: string[]): Promise<Ran> {
      return await root.run([...shell, "/install.sh", ...args], { tools });
    }

    async function installUnpacking(): Promise<Ran> {
      return await root.run([...shell, "/install.sh", "--from", server.url], { tools: [...tools, "gzip"] });
    }

    /** What must be true of every refusal: one error, its reason, and nothing changed. */
    async function expectRefusal(ran: Ran, said: RegExp, tree: readonly string[]): Promise<void> {
      expect(ran.stderr).toMatch(said);
      expect(ran.stderr.match(/install\.sh: error: /g)).toHaveLength(1);
      expect(ran.stdout).toBe("");
      expect(ran.exitCode).toBe(1);
      expect(root.tree("/home/user")).toEqual([...tree]);
    }

    test("fresh", async () => {
      const ran = await install("--from", server.url);
      expect(ran).toMatchObject({ exitCode: 0, stderr: "" });
      expect(ran.stdout).toStartWith(`installed kt 0.2.0 (abc) linux-x64 as ${kt}\nadd it to your PATH: `);
      expect(root.tree("/home/user")).toEqual(installed);
      expect(server.requests).toEqual(["/SHA256SUMS", "/kt-linux-x64"]);
    });

    test("the same again downloads nothing", async () => {
      await install("--from", server.url);
      server.requests = [];
      const ran = await install("--from", server.url);
      expect(ran).toMatchObject({ exitCode: 0, stderr: "" });
      expect(ran.stdout).toStartWith(`kt 0.2.0 (abc) linux-x64 is already installed as ${kt}\n`);
      expect(server.requests).toEqual(["/SHA256SUMS"]);
    });

    test("compressed, where the machine can unpack it", async () => {
      expect(await installUnpacking()).toMatchObject({ exitCode: 0, stderr: "" });
      expect(root.read(kt)).toBe(pretendedKt("0.2.0"));
      expect(root.tree("/home/user")).toEqual(installed);
      expect(server.requests).toEqual(["/SHA256SUMS", "/kt-linux-x64.gz"]);
    });

    const packed: [string, ReleaseFiles, RegExp][] = [
      ["changed", { "kt-linux-x64.gz": gzipSync(pretendedKt("6.6.6")) }, /the sum of "kt-linux-x64.gz" is wrong/],
      ["no gzip", listed({ "kt-linux-x64": pretendedKt("0.2.0"), "kt-linux-x64.gz": "no gzip" }), /"kt-linux-x64.gz" cannot be unpacked/],
      [
        "another program than the one that is listed",
        listed({ "kt-linux-x64": pretendedKt("0.2.0"), "kt-linux-x64.gz": gzipSync(pretendedKt("6.6.6")) }),
        /the sum of "kt-linux-x64" is wrong/,
      ],
    ];

    test.each(packed)("compressed and %s: nothing is installed", async (_, files, said) => {
      server.add("", files);
      const { stderr, ...ran } = await installUnpacking();
      await expectRefusal({ ...ran, stderr: stderr.replace(/^gzip: .*\n/, "") }, said, []);
    });

    test("through a pipe, without an address, it installs nothing: a dist/ of the working folder is anyone's", async () => {
      for (const [name, content] of Object.entries(release("6.6.6"))) root.write(`/dist/${name}`, content, 0o644);
      const command = `cd / && ${shell.join(" ")} -s`;
      const ran = await root.run([...shell, "-c", command], { tools, input: script });
      await expectRefusal(ran, /does not know where the releases are\n.*hint: sh -s -- --from FOLDER_OR_URL/, []);
    });

    test("from https nothing else is followed", async () => {
      // The real program is given the address that a redirect would lead it to.
      const program = downloader === "curl" ? "curl" : "wget";
      const real = `/tools/${downloader}/${program}`;
      const words = 'for word; do shift; case $word in https://*) word=$ELSEWHERE ;; esac; set -- "$@" "$word"; done';
      root.write(`/tools/led-away/${program}`, `#!/bin/sh\n${words}\nexec ${real} "$@"\n`);
      const env = { ELSEWHERE: `${server.url}/SHA256SUMS` };
      const led = { tools: ["led-away", ...tools], env };
      const ran = await root.run([...shell, "/install.sh", "--from", "https://releases.test"], led);
      expect(ran.stderr).toContain('could not get "SHA256SUMS" from "https://releases.test"');
      expect(root.tree("/home/user")).toEqual([]);
      expect(server.requests).toEqual([]);
    });

    test("whatever a ~/.curlrc says", async () => {
      root.write("/home/user/.curlrc", '-O\n-w "%{http_code}"\n');
      const ran = await install(`--from=${server.url}`, "--prefix=/home/user/.local");
      expect(ran).toMatchObject({ exitCode: 0, stderr: "" });
      expect(ran.stdout).toStartWith("installed kt 0.2.0");
      expect(root.tree("/home/user").filter((path) => !path.startsWith(".curlrc"))).toEqual(installed);
    });

    test("an update leaves the old file to the kt that runs", async () => {
      const old = pretendedKt("0.1.0");
      installedBefore(old);
      const running = openSync(`${root.path}${kt}`, "r");
      const ran = await install("--from", server.url);
      expect(ran.stdout).toStartWith(`installed kt 0.2.0 (abc) linux-x64 as ${kt}, it was 0.1.0\n`);
      expect(ran).toMatchObject({ exitCode: 0, stderr: "" });
      expect(readFileSync(running, "utf8")).toBe(old);
      closeSync(running);
      expect(root.read(kt)).toBe(pretendedKt("0.2.0"));
      expect(root.tree("/home/user")).toEqual(installed);
    });

    test("a downgrade is refused, and done with --force", async () => {
      installedBefore(pretendedKt("0.10.0"));
      await expectRefusal(
        await install("--from", server.url),
        /0\.10\.0 is installed and newer than 0\.2\.0[\s\S]*hint: .*--force/,
        installed,
      );
      expect(root.read(kt)).toBe(pretendedKt("0.10.0"));
      const forced = await install("--from", server.url, "--force");
      expect(forced).toMatchObject({ exitCode: 0, stderr: "" });
      expect(root.read(kt)).toBe(pretendedKt("0.2.0"));
    });

    /** Each: what is wrong, how, and what is said of it. */
    const broken: [string, () => void, RegExp][] = [
      ["a wrong sum", () => server.add("", { "kt-linux-x64": `${pretendedKt("0.2.0")}# more\n` }), /the sum of "kt-linux-x64" is wrong/],
      ["a binary that is cut off", () => server.breaks("/kt-linux-x64", "cut"), /could not get "kt-linux-x64" from "http/],
      ["sums that are cut off", () => server.breaks("/SHA256SUMS", "cut"), /could not get "SHA256SUMS" from "http/],
      ["no such release", () => server.serve("/elsewhere", {}), /could not get "SHA256SUMS" from "http[^"]*": nothing was installed\n*$/],
      ["a page in place of the sums", () => server.add("", { SHA256SUMS: "<html>log in</html>" }), /has no line for "kt-linux-x64"/],
      [
        "a binary that does not run",
        () => server.serve("", release("0.2.0", brokenProgram)),
        /"kt-linux-x64" does not run on this machine: no libstdc\+\+/,
      ],
    ];

    test.each(broken)("%s: nothing is installed", async (_, breakIt, said) => {
      breakIt();
      await expectRefusal(await install("--from", server.url), said, []);
    });

    test.each(broken)("%s: the old kt stays", async (_, breakIt, said) => {
      installedBefore(pretendedKt("0.1.0"));
      breakIt();
      await expectRefusal(await install("--from", server.url), said, installed);
      expect(root.read(kt)).toBe(pretendedKt("0.1.0"));
    });

    test("Ctrl-C in the middle of the download", async () => {
      server.breaks("/kt-linux-x64", "stalled");
      const half = new Promise<void>((resolve) => (server.onRequest = (path) => path === "/kt-linux-x64" && resolve()));
      const command = root.command([...shell, "/install.sh", "--from", server.url], { tools });
      const child = spawn(command, { detached: true, stdout: "ignore", stderr: "ignore" });
      await within(10_000, "the download to begin", half);
      process.kill(-child.pid, "SIGINT");
      expect(await within(10_000, "the installer to end", child.exited)).toBe(130);
      expect(root.tree("/home/user")).toEqual([]);
    });

    test("through a pipe", async () => {
      const command = `${downloader === "curl" ? "curl -fsSL" : "wget -qO-"} ${server.url}/install.sh | ${shell.join(" ")} -s -- --from ${server.url}`;
      server.add("", { "install.sh": script });
      const ran = await root.run([...shell, "-c", command], { tools });
      expect(ran).toMatchObject({ exitCode: 0, stderr: "" });
      expect(root.tree("/home/user")).toEqual(installed);
    });

    test("a script that was cut off on its way does nothing", async () => {
      const lastLine = script.lastIndexOf("\nmain ");
      for (let part = 1; part <= 12; part++) {
        const cut = part === 12 ? lastLine + 1 : Math.floor((lastLine * part) / 12);
        await root.run([...shell, "-s", "--", "--from", server.url], { tools, input: script.slice(0, cut) });
      }
      expect(root.tree("/home/user")).toEqual([]);
      expect(server.requests).toEqual([]);
    });

    test("from a folder, into a folder, both with spaces", async () => {
      for (const [name, text] of Object.entries(release("0.2.0"))) root.write(`/srv/my files/${name}`, text, 0o644);
      const ran = await install("--from", "/srv/my files", "--prefix", "/home/user/my tools");
      expect(ran).toMatchObject({ exitCode: 0, stderr: "" });
      expect(root.tree("/home/user")).toEqual(["my tools/", "my tools/bin/", "my tools/bin/kt 755"]);
    });

    test("a prefix that cannot be written", async () => {
      await expectRefusal(await install("--from", server.url, "--prefix", "/"), /"\/\/?bin" cannot be written[\s\S]*--prefix DIR/, []);
      await expectRefusal(await install("--from", server.url, "--prefix", "/usr"), /"\/usr\/bin" cannot be written/, []);
    });

    test("another program of that name is neither replaced nor removed", async () => {
      const other = "#!/bin/sh\necho 'kt: a tool for Kafka'\n";
      installedBefore(other);
      await expectRefusal(await install("--from", server.url), /is not kt, or does not run[\s\S]*--force/, installed);
      await expectRefusal(await install("--uninstall"), /is not kt, or does not run/, installed);
      expect(root.read(kt)).toBe(other);
    });

    test("uninstall removes kt and says what stays", async () => {
      await install("--from", server.url);
      root.write("/home/user/.config/kt/tunnels.toml", "", 0o644);
      const ran = await install("--uninstall");
      expect(ran).toEqual({ exitCode: 0, stdout: `removed ${kt}\nleft in place: /home/user/.config/kt\n`, stderr: "" });
      const left = [".config/", ".config/kt/", ".config/kt/tunnels.toml 644", ".local/", ".local/bin/"];
      await expectRefusal(await install("--uninstall"), /"\/home\/user\/\.local\/bin\/kt" is not there/, left);
    });

    test("uninstall stops nothing", async () => {
      installedBefore(pretendedKt("0.2.0", { hub: '{"pid":1}' }));
      await expectRefusal(await install("--uninstall"), /kt is running[\s\S]*hint: .*kt down --all/, installed);
      installedBefore(pretendedKt("0.2.0"));
      const unit = "/home/user/.config/systemd/user/kt.service";
      root.write(unit, `[Service]\nExecStart=${kt} serve\n`, 0o644);
      root.write(unit.replace("kt.", "other."), "[Service]\nExecStart=/bin/true\n", 0o644);
      const ran = await install("--uninstall");
      expect(ran.stderr).toBe(`install.sh: error: "${unit}" starts kt\ninstall.sh: hint: ${kt} service uninstall\n`);
      expect((await install("--uninstall", "--force")).exitCode).toBe(0);
      expect(root.tree("/home/user/.local/bin")).toEqual([]);
    });
  });
});
