/** Which kt this is: version and commit, written into the binary when it is built. */

import { file } from "bun";

declare module "bun" {
  interface Env {
    /** Replaced by `bun build --define`. */
    KT_VERSION?: string;
    KT_COMMIT?: string;
  }
}

export interface BuildInfo {
  readonly version: string;
  readonly commit: string;
}

/** From source, the version is that of package.json and the commit is "dev". */
export async function buildInfo(): Promise<BuildInfo> {
  const version = process.env.KT_VERSION;
  if (version !== undefined) return { version, commit: process.env.KT_COMMIT ?? "unknown" };
  const manifest: { version: string } = await file(new URL("../../package.json", import.meta.url)).json();
  return { version: manifest.version, commit: "dev" };
}
