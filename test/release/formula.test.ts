/** The files of a release: the Homebrew formula, the installer's address, the notes, and which tags are refused. */

import { describe, expect, test } from "bun:test";
import { cp, readdir } from "node:fs/promises";
import { file, spawnSync, which, write } from "bun";
import { formula } from "#scripts/formula.ts";
import { installerOf, installLine, notesOf, readSums, releaseProblem } from "#scripts/release-files.ts";
import { tempDir } from "#test/support/temp-dir.ts";

const root = `${import.meta.dir}/../..`;
const repository = "https://github.com/example/kt";

const binaries = ["linux-x64", "linux-arm64", "linux-x64-musl", "linux-arm64-musl", "darwin-x64", "darwin-arm64"].map(
  (name) => `kt-${name}`,
);
const sumsText = binaries.map((name, index) => `${String(index).repeat(64)}  ${name}\n`).join("");
const sums = readSums(sumsText);

function ktFormula(): string {
  return formula({ version: "1.2.3", repository, description: "Every service", license: "MIT", sums });
}

describe("the formula", () => {
  test("has each download in its block, with the sum that SHA256SUMS has for it", () => {
    const downloads = [...ktFormula().matchAll(/(on_\w+) do\n\s+url "(.+)"\n\s+sha256 "(.+)"\n\s+end/g)].map(([, ...parts]) => parts);
    const wanted = ["darwin-arm64", "darwin-x64", "linux-arm64", "linux-x64"].map((name) => [
      name.endsWith("arm64") ? "on_arm" : "on_intel",
      `${repository}/releases/download/v1.2.3/kt-${name}`,
      sums.get(`kt-${name}`) ?? "",
    ]);
    expect(downloads).toEqual(wanted);
    expect(ktFormula().match(/on_(?:macos|linux) do/g)).toEqual(["on_macos do", "on_linux do"]);
    expect(ktFormula()).toContain('version "1.2.3"');
  });

  test("runs the service on the user's profile, with a PATH that has credential plugins", () => {
    const [service = ""] = /service do[\s\S]*?\n {2}end/.exec(ktFormula()) ?? [];
    expect(service).toContain('run [opt_bin/"kt", "serve", "-f", "#{Dir.home}/.config/kt/tunnels.toml"]');
    expect(service).toContain("keep_alive true");
    expect(service).toContain("environment_variables PATH: std_service_path_env");
  });

  test("is refused for a release without one of the binaries", () => {
    const fewer = new Map([...sums].filter(([name]) => name !== "kt-darwin-x64"));
    expect(() => formula({ version: "1.2.3", repository, description: "", license: "MIT", sums: fewer })).toThrow('"kt-darwin-x64"');
  });

  test.skipIf(which("ruby") === null)("is Ruby (needs ruby)", () => {
    const { stdout, stderr } = spawnSync(["ruby", "-wc"], { stdin: Buffer.from(ktFormula()) });
    expect(stderr.toString() + stdout.toString()).toBe("Syntax OK\n");
  });
});

test("the installer of a release knows where it is, and is otherwise the one in the repository", async () => {
  const script = await file(`${root}/install.sh`).text();
  const lines = script.split("\n");
  const changed = installerOf(script, `${repository}/releases`)
    .split("\n")
    .filter((line, index) => line !== lines[index]);
  expect(changed).toEqual([`releases=${repository}/releases`]);
  expect(() => installerOf("#!/bin/sh\n", repository)).toThrow("releases=");
});

test("the release script writes all of it beside the binaries, and nothing for a tag that cannot be released", async () => {
  await using folder = await tempDir();
  await cp(`${root}/scripts`, `${folder.path}/scripts`, { recursive: true });
  for (const name of ["install.sh", "package.json"]) await cp(`${root}/${name}`, `${folder.path}/${name}`);
  const { version }: { version: string } = await file(`${root}/package.json`).json();
  await write(`${folder.path}/CHANGELOG.md`, `# Changelog\n\n## ${version}\n\nThis.\n`);
  await write(`${folder.path}/dist/SHA256SUMS`, sumsText);
  const release = (...args: string[]): number =>
    spawnSync([process.execPath, `${folder.path}/scripts/release.ts`, ...args], { stderr: "ignore" }).exitCode;
  expect([release("v0.0.0", repository), release("--check", "v0.0.0")]).toEqual([1, 1]);
  expect(release("--check", `v${version}`)).toBe(0);
  expect(await readdir(`${folder.path}/dist`)).toEqual(["SHA256SUMS"]);
  expect(release(`v${version}`, repository)).toBe(0);
  expect((await readdir(`${folder.path}/dist`)).sort()).toEqual(["SHA256SUMS", "install.sh", "kt.rb", "notes.md"]);
  expect(await file(`${folder.path}/dist/kt.rb`).text()).toContain(`${repository}/releases/download/v${version}/kt-darwin-arm64`);
  const line = installLine(`${repository}/releases`, version);
  expect(await file(`${folder.path}/dist/notes.md`).text()).toBe(`\`\`\`sh\n${line}\n\`\`\`\n\nThis.\n`);
});

test("the install line follows the newest release, and that of a pre-release installs just that", () => {
  const start = "curl --proto '=https' --tlsv1.2 -fsSL https://example.com/a/kt/releases";
  expect(installLine("https://example.com/a/kt/releases", "1.2.3")).toBe(`${start}/latest/download/install.sh | sh`);
  expect(installLine("https://example.com/a/kt/releases", "1.2.3-rc.1")).toBe(
    `${start}/download/v1.2.3-rc.1/install.sh | sh -s -- --version 1.2.3-rc.1`,
  );
});

test("notes are the section of the version", () => {
  const changelog = "# Changelog\n\n## Unreleased\n\nNew.\n\n## 1.2.3 (2026-11-21)\n\nThis.\n\n- And that.\n\n## 1.2\n\nOld.\n";
  expect(notesOf(changelog, "1.2.3")).toBe("This.\n\n- And that.");
  expect(notesOf(changelog, "1.2")).toBe("Old.");
  expect(notesOf(changelog, "2.0.0")).toBe("");
});

test("a tag is released only when package.json and the changelog know it", () => {
  expect(releaseProblem("v1.2.3", "1.2.3", "## 1.2.3\n\nThis.\n")).toBeUndefined();
  expect(releaseProblem("v1.2.4", "1.2.3", "## 1.2.3\n\nThis.\n")).toBe('the tag "v1.2.4" is not "v1.2.3", the version in package.json');
  expect(releaseProblem("v1.2.3", "1.2.3", "## Unreleased\n\nThis.\n")).toBe('CHANGELOG.md has nothing under "## 1.2.3"');
});
