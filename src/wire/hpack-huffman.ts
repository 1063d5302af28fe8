/** The Huffman code of HPACK (RFC 7541 §5.2): decoding, four bits at a time. */

import { KtError } from "#base/errors.ts";

/** Code lengths in bits by symbol, in base 36; the last is EOS. The code is canonical, so the lengths are enough (Appendix B). */
const codeLengths = [
  "dnsssssssoussussssssssusssssssss6aacd68baa8b8666555666666678f6ca",
  "d67777777777777777777777878djde6f56565666577666567655677777fbeds",
  "kmkkmmmnmnnnnnonoomnonnnnlmnmnnomlkmmnnlnmmolmnnllmlnmnnkmmmnmmn",
  "qqkjmnmpqqqrrqopjlqrrqrollqqsrrrkoklmllnmmppooqnqrqqrrrrrsrrrrrq",
  "u",
].join("");

const endOfString = 256;
const invalid = -2;
const nothing = -1;
/** Padding is at most 7 bits, all ones. */
const maxPaddingBits = 7;

interface Machine {
  /** By state × 16 + nibble: the state after it. */
  readonly next: Uint8Array;
  /** By state × 16 + nibble: the symbol that it completes, or `nothing`, or `invalid`. A nibble completes one at most. */
  readonly symbol: Int16Array;
  /** By state: may a string end here? */
  readonly accepts: readonly boolean[];
}

/** The code as a binary tree: by node × 2 + bit, the node after it, or −1 − symbol. */
function buildTree(): number[] {
  const tree = [0, 0];
  const symbols = [...codeLengths].map((digit, symbol) => ({ symbol, length: Number.parseInt(digit, 36) }));
  symbols.sort((one, other) => one.length - other.length || one.symbol - other.symbol);
  let code = 0;
  let codeLength = 0;
  for (const { symbol, length } of symbols) {
    code *= 2 ** (length - codeLength);
    codeLength = length;
    insert(tree, code++, length, symbol);
  }
  return tree;
}

function insert(tree: number[], code: number, length: number, symbol: number): void {
  let node = 0;
  for (let bit = length - 1; bit > 0; bit--) {
    const slot = node * 2 + ((code >> bit) & 1);
    if (!tree[slot]) {
      tree[slot] = tree.length / 2;
      tree.push(0, 0);
    }
    node = tree[slot] ?? 0;
  }
  tree[node * 2 + (code & 1)] = -1 - symbol;
}

function buildMachine(): Machine {
  const tree = buildTree();
  const states = tree.length / 2;
  const next = new Uint8Array(states * 16);
  const symbol = new Int16Array(states * 16).fill(nothing);
  for (let at = 0; at < states * 16; at++) {
    let node = at >> 4;
    for (let bit = 3; bit >= 0; bit--) {
      const child: number = tree[node * 2 + ((at >> bit) & 1)] ?? 0;
      if (child < 0) symbol[at] = child === -1 - endOfString ? invalid : -1 - child;
      node = Math.max(0, child);
    }
    next[at] = node;
  }
  const accepts = new Array<boolean>(states).fill(false);
  for (let node = 0, bits = 0; bits <= maxPaddingBits; bits++) {
    accepts[node] = true;
    node = tree[node * 2 + 1] ?? 0;
  }
  return { next, symbol, accepts };
}

let machine: Machine | undefined;

/** The decoded bytes; throws KtError `protocol` for EOS inside and for padding that is none. */
export function decodeHuffman(bytes: Uint8Array): Buffer {
  machine ??= buildMachine();
  const { next, symbol, accepts } = machine;
  // The shortest code has 5 bits.
  const decoded = Buffer.allocUnsafe(Math.floor((bytes.length * 8) / 5));
  let length = 0;
  let state = 0;
  for (let at = 0; at < bytes.length * 2; at++) {
    const byte = bytes[at >> 1] ?? 0;
    const slot = state * 16 + ((at & 1) === 0 ? byte >> 4 : byte & 15);
    const completed = symbol[slot] ?? invalid;
    if (completed === invalid) throw new KtError("protocol", "reading an HTTP/2 header block: end of string inside a Huffman string");
    if (completed !== nothing) decoded[length++] = completed;
    state = next[slot] ?? 0;
  }
  if (!accepts[state]) throw new KtError("protocol", "reading an HTTP/2 header block: bad padding of a Huffman string");
  return decoded.subarray(0, length);
}
