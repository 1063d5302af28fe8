/** What the commits of this branch look like: how long their subjects are, and how many have a body. */

import { spawn } from "bun";
import { root } from "../steps.ts";

export interface Commit {
  readonly subject: string;
  readonly hasBody: boolean;
}

/** The newest first; none where there is no repository. */
export async function commits(): Promise<Commit[]> {
  const child = spawn(["git", "log", "--no-merges", "--format=%s%x00%b%x01"], { cwd: root, stdout: "pipe", stderr: "ignore" });
  const text = await new Response(child.stdout).text();
  return text
    .split("\x01")
    .map((each) => each.trim().split("\0"))
    .flatMap(([subject = "", body = ""]) => (subject === "" ? [] : [{ subject, hasBody: body.trim() !== "" }]));
}
