/**
 * Ad-hoc code signatures of Mach-O files. macOS kills a program whose pages do not match its signature. Bun signs what it
 * compiles for arm64, and leaves the runtime's own signature, which no longer matches, in what it compiles for x64.
 * Numbers are those of Apple's `mach-o/loader.h` and `cs_blobs.h`; a file's fields are little-endian, a signature's big-endian.
 */

import { CryptoHasher } from "bun";

const magic64 = 0xfeedfacf;
const headerBytes = 32;
const loadSegment64 = 0x19;
const loadCodeSignature = 0x1d;

const magicSuperBlob = 0xfade0cc0;
const magicDirectory = 0xfade0c02;
/** With the fields of an executable segment. */
const directoryVersion = 0x20400;
const directoryBytes = 88;
const superBlobBytes = 20;
const flagsAdHoc = 0x2;
const flagsLinkerSigned = 0x20000;
const hashSha256 = 2;
const sumBytes = 32;
/** Of a signature, on every CPU. */
const pageBytes = 4096;
const mainBinary = 1n;

interface Segment {
  readonly at: number;
  readonly fileOffset: number;
  readonly fileBytes: number;
}

interface Layout {
  readonly text: Segment;
  readonly linkEdit: Segment;
  /** Where the command that points to the signature is. */
  readonly commandAt: number;
  readonly signatureAt: number;
  readonly signatureBytes: number;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Undefined for what is not a 64-bit Mach-O file with a place for a signature. */
function layoutOf(file: Uint8Array): Layout | undefined {
  const view = viewOf(file);
  if (file.length < headerBytes || view.getUint32(0, true) !== magic64) return undefined;
  const segments = new Map<string, Segment>();
  let commandAt: number | undefined;
  for (let at = headerBytes, left = view.getUint32(16, true); left > 0; left--) {
    const command = view.getUint32(at, true);
    if (command === loadCodeSignature) commandAt = at;
    if (command === loadSegment64) {
      const name = new TextDecoder().decode(file.subarray(at + 8, at + 24)).replace(/\0+$/, "");
      segments.set(name, { at, fileOffset: Number(view.getBigUint64(at + 40, true)), fileBytes: Number(view.getBigUint64(at + 48, true)) });
    }
    at += view.getUint32(at + 4, true);
  }
  const text = segments.get("__TEXT");
  const linkEdit = segments.get("__LINKEDIT");
  if (text === undefined || linkEdit === undefined || commandAt === undefined) return undefined;
  return {
    text,
    linkEdit,
    commandAt,
    signatureAt: view.getUint32(commandAt + 8, true),
    signatureBytes: view.getUint32(commandAt + 12, true),
  };
}

function sum(bytes: Uint8Array): Uint8Array {
  return new CryptoHasher("sha256").update(bytes).digest();
}

function* pagesOf(file: Uint8Array, end: number): Generator<Uint8Array> {
  for (let at = 0; at < end; at += pageBytes) yield file.subarray(at, Math.min(at + pageBytes, end));
}

/** Why macOS would refuse this file, or undefined for one whose signature covers and matches all of it. */
export function signatureProblem(file: Uint8Array): string | undefined {
  const layout = layoutOf(file);
  if (layout === undefined) return "there is no signature";
  const { signatureAt, signatureBytes } = layout;
  if (signatureAt + signatureBytes !== file.length) return "the signature does not end the file";
  const view = viewOf(file);
  // The first blob of a signature is its directory.
  const directoryAt = signatureAt + view.getUint32(signatureAt + 16);
  if (view.getUint32(signatureAt) !== magicSuperBlob || view.getUint32(directoryAt) !== magicDirectory) return "the signature is malformed";
  if (view.getUint32(directoryAt + 32) !== signatureAt) return "the signature does not cover the whole file";
  const hashesAt = directoryAt + view.getUint32(directoryAt + 16);
  let page = 0;
  for (const bytes of pagesOf(file, signatureAt)) {
    const hashAt = hashesAt + page * sumBytes;
    if (Buffer.compare(sum(bytes), file.subarray(hashAt, hashAt + sumBytes)) !== 0) return `page ${page} does not match the signature`;
    page++;
  }
  return undefined;
}

/** The directory with its identifier, and room for the sums of the pages. */
function directoryOf(layout: Layout, identifier: string, pages: number): Uint8Array {
  const name = new TextEncoder().encode(`${identifier}\0`);
  const bytes = new Uint8Array(directoryBytes + name.length + pages * sumBytes);
  const view = viewOf(bytes);
  const words = [magicDirectory, bytes.length, directoryVersion, flagsAdHoc | flagsLinkerSigned];
  words.push(directoryBytes + name.length, directoryBytes, 0, pages, layout.signatureAt);
  for (const [index, word] of words.entries()) view.setUint32(index * 4, word);
  bytes.set([sumBytes, hashSha256, 0, Math.log2(pageBytes)], 36);
  view.setBigUint64(64, BigInt(layout.text.fileOffset));
  view.setBigUint64(72, BigInt(layout.text.fileBytes));
  view.setBigUint64(80, mainBinary);
  bytes.set(name, directoryBytes);
  return bytes;
}

/** The file with an ad-hoc signature of all of it, in place of the one it had. Throws for a file without a place for one. */
export function signedAdHoc(file: Uint8Array, identifier: string): Uint8Array {
  const layout = layoutOf(file);
  if (layout === undefined) throw new Error("no Mach-O file with a signature to replace");
  const { signatureAt, commandAt, linkEdit } = layout;
  const pages = Math.ceil(signatureAt / pageBytes);
  const directory = directoryOf(layout, identifier, pages);
  const signed = new Uint8Array(signatureAt + superBlobBytes + directory.length);
  signed.set(file.subarray(0, signatureAt));
  const view = viewOf(signed);
  // The header is on the first page, so it must say where everything is before that page is summed.
  view.setUint32(commandAt + 12, signed.length - signatureAt, true);
  const linkEditBytes = signed.length - linkEdit.fileOffset;
  view.setBigUint64(linkEdit.at + 32, BigInt(Math.ceil(linkEditBytes / pageBytes) * pageBytes), true);
  view.setBigUint64(linkEdit.at + 48, BigInt(linkEditBytes), true);
  for (const [index, word] of [magicSuperBlob, signed.length - signatureAt, 1, 0, superBlobBytes].entries()) {
    view.setUint32(signatureAt + index * 4, word);
  }
  let hashAt = directory.length - pages * sumBytes;
  for (const bytes of pagesOf(signed, signatureAt)) {
    directory.set(sum(bytes), hashAt);
    hashAt += sumBytes;
  }
  signed.set(directory, signatureAt + superBlobBytes);
  return signed;
}
