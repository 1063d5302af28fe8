/** The binary of kt that is put on a host: the one that runs here. */

import { CryptoHasher, file } from "bun";
import { KtError } from "#base/errors.ts";
import { readElf } from "./elf.ts";

export interface KtBinary {
  /** In hexadecimal, of all of its bytes. */
  readonly sha256: string;
  readonly sizeBytes: number;
  /** As `uname -m` of a host says it. */
  readonly machine: string;
  /** The program that loads it, which comes with the C library that it was built for; undefined where it needs none. */
  readonly interpreter: string | undefined;
  /** From its beginning, for each that asks. */
  readonly read: () => ReadableStream<Uint8Array<ArrayBuffer>>;
}

/** The name of its folder on a host. */
export const versionOf = ({ sha256 }: Pick<KtBinary, "sha256">): string => sha256.slice(0, 16);

/** Throws KtError `host-unfit` where it is not one for Linux. */
export async function ktBinary(path: string): Promise<KtBinary> {
  const binary = file(path);
  const elf = readElf(await binary.slice(0, elfHeadBytes).bytes());
  if (elf === undefined)
    throw new KtError("host-unfit", `"${path}" is not a program for Linux, so it cannot be put on the host`, {
      hints: ["run the operator from kt's release for Linux, or from its image"],
    });
  const hasher = new CryptoHasher("sha256");
  for await (const part of binary.stream()) hasher.update(part);
  return { sha256: hasher.digest("hex"), sizeBytes: binary.size, ...elf, read: () => binary.stream() };
}

/** Where the tables that say what loads it stand, of every linker. */
const elfHeadBytes = 64 * 1024;
