/** The name of a system error by its number. */

import { constants } from "node:os";

/** "EPERM" for 1. */
export function errorName(number: number): string {
  return Object.entries(constants.errno).find(([, each]) => each === number)?.[0] ?? `errno ${number}`;
}
