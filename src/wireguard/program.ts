/** The WireGuard that is in this kt: wireguard-go, which scripts/build.ts puts into binaries for Linux. */

import { embeddedFiles } from "bun";
import { KtError } from "#base/errors.ts";

/** Throws KtError `wireguard-missing`. */
export async function wireGuardProgram(): Promise<Uint8Array> {
  return await embedded("wireguard-go.bin").bytes();
}

/** Whose it is, and under which licences. Throws KtError `wireguard-missing`. */
export async function wireGuardNotice(): Promise<string> {
  return await embedded("wireguard-go.notice").text();
}

function embedded(name: string): Blob {
  const found = embeddedFiles.find((each) => "name" in each && each.name === name);
  if (found !== undefined) return found;
  const hints = ["take a released kt for Linux, or build one where Go is installed"];
  throw new KtError("wireguard-missing", "this kt has no WireGuard in it", { hints });
}
