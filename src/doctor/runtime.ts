/** Variables that are meant for Bun, on which kt is built: it says that it does not follow them; pure. */

import type { Environment } from "#profile/values/variables.ts";
import { type Finding, Findings } from "./finding.ts";

/** Without the common beginning: scripts/seal.ts takes the whole names out of the binary, also where they would stand here. */
const names = ["OPTIONS", "BE_BUN", "INSPECT", "INSPECT_CONNECT_TO", "INSPECT_PRELOAD"].map((name) => `BUN_${name}`);

/** Nothing where none is set. */
export function judgeRuntime(environment: Environment): readonly Finding[] {
  const set = names.filter((name) => environment[name] !== undefined);
  if (set.length === 0) return [];
  const [them, are] = set.length === 1 ? ["it", "is"] : ["them", "are"];
  return new Findings("runtime").ok(`${set.join(", ")} ${are} set: kt does not follow ${them}, and hands ${them} on to what it runs`).list;
}
