/** A program that runs from memory: /run and /tmp may refuse to run what lies in them, and the root may be read-only (Linux). */

import { ptr } from "bun:ffi";
import { writeSync } from "node:fs";
import { KtError } from "#base/errors.ts";
import { cLibrary } from "./c-library.ts";

/** Of memfd_create(2): no other program inherits it, and it may be run. Kernels before 6.3 know only the first. */
const closeOnExec = 0x1;
const executable = 0x10;

/** Its path, in this process and in a child that is about to become it. It lives until this process ends, or runs in it. */
export function memoryProgram(program: Uint8Array): string {
  const { memfd_create: create } = cLibrary({ memfd_create: { args: ["ptr", "u32"], returns: "i32" } });
  const name = ptr(Buffer.from("kt\0"));
  let descriptor = create(name, closeOnExec | executable);
  if (descriptor < 0) descriptor = create(name, closeOnExec);
  if (descriptor < 0) throw new KtError("internal", "the system gives no memory for a program");
  for (let written = 0; written < program.length; ) written += writeSync(descriptor, program, written);
  return `/proc/self/fd/${descriptor}`;
}
