/** Small files (kubeconfig, certificates, tokens) read again when they change. */

import { statSync } from "node:fs";
import { CryptoHasher } from "bun";
import { sharedLimits } from "#base/limits.ts";
import { readRegularFile } from "#base/regular-file.ts";

interface CachedFile {
  readonly stamp: string;
  readonly bytes: Uint8Array;
  readonly text: string;
  /** What was made of the text; undefined until asked for. */
  parsed?: unknown;
}

/**
 * What changes when a file is rewritten or swapped behind a symbolic link; undefined when there is none. One that may not be
 * looked at has its error for a stamp: reading it then reports that.
 */
export function fileStamp(path: string): string | undefined {
  try {
    const stat = statSync(path, { throwIfNoEntry: false });
    return stat && `${stat.mtimeMs}:${stat.size}:${stat.ino}`;
  } catch (error) {
    return String(error);
  }
}

/** Synchronous, because opening a cluster is; the files are few and small. */
export class FileCache {
  readonly #cached = new Map<string, CachedFile>();

  /** The file's text. Throws the system's own error, or KtError for what is not a regular file or is too large. */
  read(path: string): string {
    return this.#file(path).text;
  }

  /** What `parse` makes of the file's text, once for each state of the file. Every caller gives the same `parse`. Throws as both do. */
  parsed(path: string, parse: (text: string) => unknown): unknown {
    const file = this.#file(path);
    file.parsed ??= parse(file.text);
    return file.parsed;
  }

  #file(path: string): CachedFile {
    const stamp = fileStamp(path);
    const cached = this.#cached.get(path);
    if (cached && cached.stamp === stamp) return cached;
    const { bytes } = readRegularFile(path, { mostBytes: sharedLimits.kubeconfigBytes, code: "kubeconfig-unreadable" });
    const file: CachedFile = { stamp: stamp ?? "", bytes, text: decodeText(bytes) };
    // The stamp is from before the read: a change in between is seen next time.
    if (stamp !== undefined) this.#cached.set(path, file);
    return file;
  }

  /** SHA-256 of what was last read, which may no longer be what the file holds; undefined of what was not. */
  digest(path: string): string | undefined {
    const cached = this.#cached.get(path);
    return cached && new CryptoHasher("sha256").update(cached.bytes).digest("hex");
  }
}

/** By its byte order mark UTF-16, which some Windows editors write, else UTF-8. */
function decodeText(bytes: Uint8Array): string {
  const [first, second] = bytes;
  if (first === 0xff && second === 0xfe) return new TextDecoder("utf-16le").decode(bytes);
  if (first === 0xfe && second === 0xff) return new TextDecoder("utf-16be").decode(bytes);
  return Buffer.from(bytes).toString("utf8");
}

/** A path in a file, relative to the folder of that file. */
export function besideFile(file: string, path: string): string {
  if (path === "" || path.startsWith("/")) return path;
  return `${file.slice(0, file.lastIndexOf("/"))}/${path}`;
}
