/** The shell scripts that write, remove and look at files of a host; each is constant, and what varies are its arguments. */

import { CryptoHasher } from "bun";
import { KtError } from "#base/errors.ts";

/** What stands at a path. */
export type FileState =
  | { readonly kind: "absent" | "folder" | "other" }
  /** `sha256` in hexadecimal, of all of its bytes; `mode` as chmod writes it. */
  | { readonly kind: "file"; readonly mode: string; readonly owner: string; readonly sha256: string };

export const sha256Of = (bytes: Uint8Array): string => new CryptoHasher("sha256").update(bytes).digest("hex");

/**
 * dd's fsync puts the bytes on the disk before the name points to them. A connection that breaks looks to dd like the end of the
 * file: the sum tells. What a power cut left of an earlier attempt goes first.
 * Where nothing reads its words any more, PIPE would end the shell before it has removed its own. `mv -T` never moves it into a folder of that name. The folder is synced last, so that the name stays.
 */
const write = (unpacked: string): string => `set -eu
fresh="$1.kt-$$"
trap 'rm -f -- "$fresh"' EXIT
trap 'exit 1' HUP INT TERM
trap '' PIPE
umask 077
rm -f -- "$1".kt-*
${unpacked}dd of="$fresh" bs=64k conv=fsync 2>/dev/null || { echo "$fresh cannot be written" >&2; exit 1; }
[ "$(sha256sum <"$fresh")" = "$2  -" ] || { echo "not all of it arrived" >&2; exit 1; }
chmod "$3" "$fresh"
[ -z "$4" ] || [ ! -e "$4" ] || chown --reference="$4" -- "$fresh"
mv -fT -- "$fresh" "$1"
sync "$(dirname -- "$1")"`;

export interface WriteQuestion {
  readonly path: string;
  readonly sha256: string;
  readonly mode: string;
  /** A path whose owner and group the file gets, where it is there; empty for root. */
  readonly ownerOf: string;
  /** What comes is packed with gzip. */
  readonly isPacked: boolean;
}

export function writeScript({ path, sha256, mode, ownerOf, isPacked }: WriteQuestion): string[] {
  return ["sh", "-c", write(isPacked ? "gzip -dc | " : ""), "sh", path, sha256, mode, ownerOf];
}

export function removeScript(path: string): string[] {
  return ["rm", "-f", "--", path];
}

/** A line for each path, without the path, which may hold anything. */
const look = `for path do
  if [ -L "$path" ]; then echo other
  elif [ -d "$path" ]; then echo folder
  elif [ -f "$path" ]; then echo "file $(stat -c '%a %U' -- "$path") $(sha256sum <"$path")"
  elif [ -e "$path" ]; then echo other
  else echo absent
  fi
done`;

export function stateScript(paths: readonly string[]): string[] {
  return ["sh", "-c", look, "sh", ...paths];
}

/** Throws KtError `ssh-failed` where the answer is not one line for each path. */
export function parseFileStates(text: string, paths: readonly string[]): FileState[] {
  const states = text.trimEnd().split("\n").map(parseState);
  if (states.length === paths.length && states.every((state) => state !== undefined)) return states;
  throw new KtError("ssh-failed", `the host's answer about ${paths.length} files cannot be read`);
}

function parseState(line: string): FileState | undefined {
  if (line === "absent" || line === "folder" || line === "other") return { kind: line };
  const [, mode = "", owner = "", sha256 = ""] = /^file ([0-7]{3,4}) (\S+) ([0-9a-f]{64}) {2}-$/.exec(line) ?? [];
  return mode === "" ? undefined : { kind: "file", mode, owner, sha256 };
}
