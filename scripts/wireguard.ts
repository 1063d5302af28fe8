/** Makes the WireGuard that is put into kt's binaries for Linux: wireguard-go as its authors wrote it, of the versions in scripts/wireguard. */

import { mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { CryptoHasher, file, spawnSync } from "bun";
import { root } from "./steps.ts";

const folder = `${root}scripts/wireguard`;
/** As `program.ts` of the room wireguard finds them in the binary. */
const names = { program: "wireguard-go.bin", notice: "wireguard-go.notice" } as const;

type Architecture = "amd64" | "arm64";

/** Static, without paths of this machine. */
const goBuild = ["build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w"];

export type MadeWireGuard = { readonly files: readonly string[] } | { readonly missing: string };

/** The files to embed for one of Bun's targets; undefined is this machine. Made once for what they are made of, then kept. */
export async function wireGuardFor(target: string | undefined): Promise<MadeWireGuard> {
  const architecture = architectureOf(target ?? `bun-${process.platform}-${process.arch}`);
  if (architecture === undefined) return { files: [] };
  const kept = `${keptIn()}/wireguard-${await hashOfSources()}-${architecture}`;
  const problem = (await file(`${kept}/${names.program}`).exists()) ? undefined : make(kept, architecture);
  return problem === undefined ? { files: [`${kept}/${names.program}`, `${folder}/${names.notice}`] } : { missing: problem };
}

function architectureOf(target: string): Architecture | undefined {
  if (!target.startsWith("bun-linux")) return undefined;
  return target.includes("arm64") ? "arm64" : "amd64";
}

const keptIn = (): string => `${process.env["XDG_CACHE_HOME"] ?? `${homedir()}/.cache`}/kt-build`;

async function hashOfSources(): Promise<string> {
  const hasher = new CryptoHasher("sha256").update(goBuild.join(" "));
  for (const name of ["go.mod", "go.sum"]) hasher.update(await file(`${folder}/${name}`).bytes());
  return hasher.digest("hex").slice(0, 12);
}

/** What kept it from being made, or undefined. */
function make(kept: string, architecture: Architecture): string | undefined {
  mkdirSync(keptIn(), { recursive: true });
  const draft = mkdtempSync(`${keptIn()}/draft-`);
  try {
    const { success, stderr } = spawnSync(
      ["go", "-C", folder, ...goBuild, "-o", `${draft}/${names.program}`, "golang.zx2c4.com/wireguard"],
      {
        env: { ...process.env, CGO_ENABLED: "0", GOOS: "linux", GOARCH: architecture, GOFLAGS: "-mod=readonly" },
      },
    );
    if (!success) return stderr.toString().trim().split("\n").at(-1);
    rmSync(kept, { recursive: true, force: true });
    renameSync(draft, kept);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}
