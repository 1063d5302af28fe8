/** Reads another tool's file for `kt init --from`, and makes a profile of it. */

import { file as openFile } from "bun";
import { KtError, messageOf } from "#base/errors.ts";
import { cliLimits } from "#cli/limits.ts";
import { convertAutoTunnel, looksLikeAutoTunnel } from "./autotunnel.ts";
import { type Left, profileOfConverted } from "./converted.ts";
import { convertScript } from "./port-forward.ts";

export interface Conversion {
  readonly text: string;
  readonly left: readonly Left[];
}

/** Throws KtError `usage` for a file that cannot be read, or in which there is nothing to convert. */
export async function convertFile(path: string): Promise<Conversion> {
  const text = await read(path);
  const converted = looksLikeAutoTunnel(text) ? convertAutoTunnel(text) : convertScript(text);
  if (converted.routes.length + converted.left.length === 0) {
    throw new KtError("usage", `"${path}" is not an AutoTunnel configuration, and has no line with kubectl port-forward`);
  }
  return profileOfConverted(converted, path);
}

async function read(path: string): Promise<string> {
  const file = openFile(path);
  const { size } = await file.stat().catch((error: unknown) => refuse(path, messageOf(error)));
  if (size > cliLimits.convertedBytes) refuse(path, `it is larger than ${cliLimits.convertedBytes / 1024} KiB`);
  return await file.text().catch((error: unknown) => refuse(path, messageOf(error)));
}

function refuse(path: string, why: string): never {
  throw new KtError("usage", `cannot read "${path}": ${why}`);
}
