/** What `bun run image` is asked for. */

import type { Architecture } from "./linked-files.ts";

export interface ImageRequest {
  /** What containerd calls the image once it is imported. */
  readonly name: string;
  /** Undefined: the binary of this machine, which `bun run build` made. */
  readonly architecture: Architecture | undefined;
  /** Where the C library of the architecture lies. */
  readonly sysroot: string | undefined;
  /** Not compressed: larger, and made at once. */
  readonly isPlain: boolean;
}

const platforms: Readonly<Record<string, Architecture>> = { "linux/amd64": "amd64", "linux/arm64": "arm64" };
const usage = "bun run image [--platform=linux/amd64|linux/arm64] [--name=NAME] [--sysroot=FOLDER] [--plain]";

/** Throws an Error with a sentence for words that mean nothing. */
export function imageRequest(words: readonly string[]): ImageRequest {
  const given = new Map<string, string>();
  for (const word of words) {
    const [, flag = "", value = ""] = /^(--(?:platform|name|sysroot)(?==.)|--plain$)=?(.*)$/.exec(word) ?? [];
    if (flag === "") throw new Error(`"${word}" is not an option: ${usage}`);
    given.set(flag, value);
  }
  const platform = given.get("--platform");
  const architecture = platform === undefined ? undefined : platforms[platform];
  if (platform !== undefined && architecture === undefined) {
    throw new Error(`there is no kt for the platform "${platform}": images are made for ${Object.keys(platforms).join(" and ")}`);
  }
  return { name: given.get("--name") ?? "kt:dev", architecture, sysroot: given.get("--sysroot"), isPlain: given.has("--plain") };
}
