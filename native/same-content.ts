/** Whether two files hold the same bytes. */

import { closeSync, fstatSync, openSync, readSync } from "node:fs";

const pieceBytes = 256 * 1024;

/** Files of different sizes are not read, and others piece by piece, up to the first that differs. Throws where one cannot be read. */
export function sameContent(left: string, right: string): boolean {
  const files: number[] = [];
  try {
    for (const path of [left, right]) files.push(openSync(path, "r"));
    const [one = -1, other = -1] = files;
    return fstatSync(one).size === fstatSync(other).size && samePieces(one, other);
  } finally {
    for (const each of files) closeSync(each);
  }
}

function samePieces(one: number, other: number): boolean {
  const [mine, theirs] = [Buffer.alloc(pieceBytes), Buffer.alloc(pieceBytes)];
  for (;;) {
    const count = readSync(one, mine);
    if (readSync(other, theirs) !== count || !mine.subarray(0, count).equals(theirs.subarray(0, count))) return false;
    if (count === 0) return true;
  }
}
