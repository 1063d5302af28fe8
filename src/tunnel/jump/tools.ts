/** Finds out once for each container what it has: socat or nc, and whether it has a shell. */

import type { Clock } from "#base/clock.ts";
import { KtError } from "#base/errors.ts";
import type { Cluster } from "#kube/objects/types.ts";
import type { JumpHost, JumpMethod } from "#route/target.ts";
import { isMissingProgram } from "#wire/exec.ts";
import { type JumpTool, ncByHelp, socat, toolProbes } from "./tool.ts";
import { type JumpPlace, runCommand } from "./run-command.ts";

/** A container of a pod, and what it has. */
export interface JumpKit {
  readonly container: string | undefined;
  readonly tool: JumpTool;
  /** Assumed until it is known that there is none. */
  hasShell: boolean;
}

type Wanted = Pick<JumpHost, "container" | "method" | "create">;

export class JumpTools {
  readonly #clock: Clock;
  /** By where the cluster is. */
  readonly #byPlace = new WeakMap<object, Map<string, Promise<JumpKit>>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Asks the pod the first time. Failures are not remembered. Rejects with the KtError of the exec, or `jump-no-tool`. */
  find(place: JumpPlace, wanted: Wanted): Promise<JumpKit> {
    const kits = this.#kits(place.cluster);
    const key = keyOf(place, wanted);
    const known = kits.get(key);
    if (known) return known;
    const found = this.#look(place, wanted);
    kits.set(key, found);
    found.catch(() => kits.delete(key));
    return found;
  }

  /** Another pod may have that name by now. */
  forget(place: JumpPlace, wanted: Wanted): void {
    this.#kits(place.cluster).delete(keyOf(place, wanted));
  }

  #kits(cluster: Cluster): Map<string, Promise<JumpKit>> {
    let kits = this.#byPlace.get(cluster.place);
    if (!kits) {
      kits = new Map();
      this.#byPlace.set(cluster.place, kits);
    }
    return kits;
  }

  async #look(place: JumpPlace, wanted: Wanted): Promise<JumpKit> {
    let chosen = wanted.container;
    for (const name of candidates(wanted.method)) {
      const said = await runCommand(place, { container: chosen, command: toolProbes[name] }, this.#clock);
      chosen = said.container;
      if (said.exit.kind === "lost") throw said.exit.error;
      if (said.exit.kind === "exited") {
        return { container: chosen, tool: name === "socat" ? socat : ncByHelp(said.text), hasShell: true };
      }
      if (!isMissingProgram(said.exit.text)) {
        throw new KtError("connection-lost", `run "${name}" in pod "${place.pod}": ${said.exit.text}`);
      }
    }
    throw noTool(place, { ...wanted, container: chosen });
  }
}

const keyOf = ({ namespace, pod }: JumpPlace, { container, method }: Wanted): string => [namespace, pod, container ?? "", method].join("/");

const candidates = (method: JumpMethod): readonly ("socat" | "nc")[] => (method === "auto" ? ["socat", "nc"] : [method]);

function noTool({ pod }: JumpPlace, { container, method, create }: Wanted): KtError {
  const where = container === undefined ? `pod "${pod}"` : `container "${container}" of pod "${pod}"`;
  const what = method === "auto" ? "neither socat nor nc" : `no ${method}`;
  const hints = method === "auto" ? [] : ['write method = "auto" to take what there is'];
  if (create === undefined) hints.push("jump through a pod that has one, or have kt make a pod: write a table create inside via");
  else hints.push(`leave image = "${create.image}" out of create, or name one that has socat or nc`);
  return new KtError("jump-no-tool", `${where} has ${what} to jump with`, { hints });
}
