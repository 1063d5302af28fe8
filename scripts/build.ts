/** Builds dist/kt for this machine, or with --all the binaries and checksums of every platform. */

import { rmSync } from "node:fs";
import { CryptoHasher, file, Glob, gzipSync, spawn, spawnSync, write } from "bun";
import { signatureProblem, signedAdHoc } from "./macho.ts";
import { sealed } from "./seal.ts";
import { root } from "./steps.ts";
import { wireGuardFor } from "./wireguard.ts";

/** Bun's names of the targets, and ours of the files. */
export const targets = {
  "bun-linux-x64": "kt-linux-x64",
  "bun-linux-arm64": "kt-linux-arm64",
  "bun-linux-x64-musl": "kt-linux-x64-musl",
  "bun-linux-arm64-musl": "kt-linux-arm64-musl",
  "bun-darwin-x64": "kt-darwin-x64",
  "bun-darwin-arm64": "kt-darwin-arm64",
} as const;

async function version(): Promise<string> {
  const manifest: { version: string } = await file(`${root}/package.json`).json();
  return manifest.version;
}

function commit(): string {
  const { stdout, success } = spawnSync(["git", "rev-parse", "--short=12", "HEAD"], { cwd: root, stderr: "ignore" });
  return success ? stdout.toString().trim() : "unknown";
}

/** For Linux, what `kt edge wireguard` runs. Ends the build where it is missing and `isRelease`: elsewhere one need not have Go. */
async function embedded(outfile: string, target: string | undefined, isRelease: boolean): Promise<readonly string[]> {
  const wireGuard = await wireGuardFor(target);
  if ("files" in wireGuard) return wireGuard.files;
  console.error(`${outfile} has no WireGuard in it, which takes Go to build: ${wireGuard.missing}`);
  if (isRelease) process.exit(1);
  return [];
}

/**
 * The two --no-compile-autoload flags keep a hostile bunfig.toml or .env in the working directory from being obeyed.
 * What Bun obeys of the environment, `sealed` takes out. Splitting keeps what a command does not import unread, and bytecode spares
 * parsing: `kt version` starts in 3 ms, not 32.
 */
export async function build(outfile: string, target: string | undefined, isRelease = false): Promise<void> {
  const files = await embedded(outfile, target, isRelease);
  const command = [
    ...[
      process.execPath,
      "build",
      "--compile",
      "--minify",
      "--sourcemap",
      "--splitting",
      "--bytecode",
      "--format=esm",
      "--no-compile-autoload-dotenv",
      "--no-compile-autoload-bunfig",
    ],
    ...[
      "--define",
      `process.env.KT_VERSION=${JSON.stringify(await version())}`,
      "--define",
      `process.env.KT_COMMIT=${JSON.stringify(commit())}`,
    ],
    ...(target === undefined ? [] : ["--target", target]),
    ...["src/main.ts", ...files, "--asset-naming=[name].[ext]", "--outfile", outfile],
  ];
  const exitCode = await spawn(command, { cwd: root, stdout: "inherit", stderr: "inherit" }).exited;
  if (exitCode !== 0) process.exit(exitCode);
  await write(`${root}/${outfile}`, sealed(await file(`${root}/${outfile}`).bytes()));
  if (target?.startsWith("bun-darwin") ?? process.platform === "darwin") await sign(`${root}/${outfile}`);
  // The binary holds its source maps; those beside it are the same again.
  for (const map of new Glob("dist/*.map").scanSync({ cwd: root })) rmSync(`${root}/${map}`);
}

/** Signs it where Bun did not, or where it has changed since. Ends the build rather than let out a binary that macOS would kill. */
async function sign(path: string): Promise<void> {
  const built = await file(path).bytes();
  if (signatureProblem(built) === undefined) return;
  const signed = signedAdHoc(built, "kt");
  const problem = signatureProblem(signed);
  if (problem !== undefined) {
    console.error(`${path}: ${problem}`);
    process.exit(1);
  }
  await write(path, signed);
}

/** What travels: less than half of the binary. gzip is on every machine, xz and zstd are not. */
async function compress(name: string): Promise<string> {
  const packed = `${name}.gz`;
  await write(`${root}/dist/${packed}`, gzipSync(await file(`${root}/dist/${name}`).bytes(), { level: 9 }));
  return packed;
}

async function sumLine(name: string): Promise<string> {
  const digest = new CryptoHasher("sha256").update(await file(`${root}/dist/${name}`).bytes()).digest("hex");
  return `${digest}  ${name}\n`;
}

async function buildAll(): Promise<void> {
  const sums: string[] = [];
  for (const [target, name] of Object.entries(targets)) {
    await build(`dist/${name}`, target, true);
    sums.push(await sumLine(name), await sumLine(await compress(name)));
  }
  await write(`${root}/dist/SHA256SUMS`, sums.join(""));
}

if (import.meta.main) {
  if (process.argv.includes("--all")) await buildAll();
  else await build("dist/kt", undefined);
}
