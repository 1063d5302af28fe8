/** Whether this process belongs to a terminal, whose Ctrl-C reaches every process of the group by itself. */

import { open } from "node:fs/promises";

/** Standard input, output and errors may all lead elsewhere: the system knows the terminal of a session all the same. */
export async function hasTerminal(): Promise<boolean> {
  try {
    const terminal = await open("/dev/tty");
    await terminal.close();
    return true;
  } catch {
    return false;
  }
}
