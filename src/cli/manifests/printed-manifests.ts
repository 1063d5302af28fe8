/** Objects of Kubernetes as commands print them: documents of YAML for kubectl apply, or one List as JSON. */

import { YAML } from "bun";
import type { Options } from "#cli/command.ts";
import type { Output } from "#cli/screen/output.ts";

export function printManifests(objects: readonly object[], options: Options, output: Output): void {
  if (options.flag("json")) output.json({ apiVersion: "v1", kind: "List", items: objects });
  else output.raw(manifestText(objects));
}

/** What stands in several places is written in each: without that YAML would refer to the first of them. */
export function manifestText(objects: readonly object[]): string {
  return objects.map((object) => `${YAML.stringify(JSON.parse(JSON.stringify(object)), undefined, 2)}\n`).join("---\n");
}
