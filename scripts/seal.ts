/** Makes a compiled binary deaf to the variables by which Bun itself can be steered: they are meant for people's own Bun, not for kt. */

/**
 * Beginnings of their names, without the common `BUN_`. OPTIONS adds flags, such as --preload FILE, which runs before kt does; BE_BUN
 * turns the binary into bun; INSPECT opens a debugger's port to every local process; BYTECODE writes files; CONFIG_VERBOSE_FETCH prints
 * requests with their credentials; TCC_OPTIONS adds options to the C compiler.
 */
export const deafTo = ["OPTIONS", "BE_BUN", "INSPECT", "BYTECODE_", "CONFIG_VERBOSE_FETCH", "TCC_OPTIONS"] as const;

const common = "BUN_";

/**
 * The names stand in the runtime as texts. One that begins with NUL is found in no environment: what the runtime asks for is never
 * there. Bun has no option for it, and once kt's own code runs, a preloaded file has run already. Throws where a name is missing:
 * then this Bun reads it in another way.
 */
export function sealed(built: Uint8Array): Uint8Array {
  const bytes = Buffer.from(built);
  for (const name of deafTo)
    if (!silence(bytes, `${common}${name}`)) throw new Error(`the runtime does not hold the name ${common}${name}`);
  return bytes;
}

/** False where it is not there. */
function silence(bytes: Buffer, name: string): boolean {
  let found = false;
  for (let at = bytes.indexOf(name); at >= 0; at = bytes.indexOf(name, at + name.length)) {
    // In the runtime's own JavaScript it is a property, and has to stay a name.
    if (bytes[at - 1] === ".".charCodeAt(0)) continue;
    bytes[at] = 0;
    found = true;
  }
  return found;
}
