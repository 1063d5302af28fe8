/** The C library of this system, whichever it is. */

import { dlopen, type FFIFunction } from "bun:ffi";
import { KtError } from "#base/errors.ts";

/** Its names, with glibc and with musl. */
const libraries = ["libc.so.6", `libc.musl-${process.arch === "arm64" ? "aarch64" : "x86_64"}.so.1`, "libc.so"];

export function cLibrary<Functions extends Record<string, FFIFunction>>(functions: Functions) {
  for (const name of libraries) {
    try {
      return dlopen(name, functions).symbols;
    } catch {
      // The next name may be the one.
    }
  }
  throw new KtError("internal", "there is no C library");
}
