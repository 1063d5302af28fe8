/** Says which ports a command of kt's reaches under other numbers, where it cannot be given those that it asks for. */

import type { Output } from "#cli/screen/output.ts";

/** `code` is why, as the system says it: "EBUSY". Says nothing where there are none, nor with `-q`. */
export function warnOtherPorts(lowPorts: ReadonlyMap<number, number>, code: string, output: Output): void {
  if (output.quiet || lowPorts.size === 0) return;
  const pairs = [...lowPorts].sort(([a], [b]) => a - b).map(([port, localPort]) => `port ${port} of a service at ${localPort}`);
  output.warning(`the command reaches ${pairs.join(", ")}: low ports need a privilege that kt does not have (${code})`);
  output.hints(process.platform === "linux" ? ["kt setup ports"] : []);
}
