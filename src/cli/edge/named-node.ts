/** Which EdgeNode a command line means: by its name, with its namespace where another one has the same name. */

import { KtError } from "#base/errors.ts";
import { nearest } from "#base/nearest.ts";
import { command } from "#base/shell.ts";
import type { Options } from "#cli/command.ts";
import { formatName, type ObjectName } from "#expose/resources/read-objects.ts";

export interface WantedNode {
  readonly namespace: string | undefined;
  readonly name: string | undefined;
}

/** `NODE`, or `NAMESPACE/NODE` as kt shows it, which counts like -n. */
export function nodeName(given: string | undefined, options: Options): WantedNode {
  const namespace = options.text("namespace");
  if (given === undefined) return { namespace, name: undefined };
  const [name = "", before, ...more] = given.split("/").reverse();
  if (more.length > 0 || name === "" || before === "" || (before !== undefined && namespace !== undefined && before !== namespace))
    throw new KtError("usage", `"${given}" is not the name of an EdgeNode`, { hints: ["kt edge status"] });
  return { namespace: before ?? namespace, name };
}

/** Throws KtError `usage` where none has the name, or several have. */
export function namedNode<Node extends ObjectName>(nodes: readonly Node[], { namespace, name = "" }: WantedNode): Node {
  const [first, ...more] = nodes.filter((node) => node.name === name && (namespace === undefined || node.namespace === namespace));
  if (first !== undefined && more.length === 0) return first;
  if (first !== undefined) {
    const all = [first, ...more].map(formatName);
    throw new KtError("usage", `${all.length} EdgeNodes have the name "${name}": ${all.join(", ")}`, {
      hints: [command`kt edge status ${name} -n ${first.namespace}`],
    });
  }
  const near = nearest(
    name,
    nodes.map((node) => node.name),
  );
  const where = namespace === undefined ? "in the cluster" : `in namespace "${namespace}"`;
  throw new KtError("usage", `there is no EdgeNode "${name}" ${where}`, {
    hints: [near === undefined ? "kt edge status" : command`kt edge status ${near}`],
  });
}
