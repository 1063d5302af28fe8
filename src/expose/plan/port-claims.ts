/** Who has which public port of a host: the first to claim it, or by server name several. Pure. */

import { type BindingDefinition, hasServerNames } from "#expose/resources/port-binding.ts";
import { formatName, type ObjectName } from "#expose/resources/read-objects.ts";
import type { Refusal } from "./lookups.ts";
import type { NodeSettings } from "./settings.ts";

/** On the uplinks and inside the tunnel, whichever protocol: what listens there has these numbers, too. */
const ownPorts: Readonly<Record<number, string>> = {
  40500: "an uplink says there whether it is ready",
  40600: "the host says there how it does",
};

/** A binding that wants a port. */
export interface Claimant {
  /** The PortBinding, and when it was made. */
  readonly object: ObjectName & { readonly createdAt: string | undefined };
  readonly definition: BindingDefinition;
}

interface Claimed {
  /** Has all of the port, or what no server name has. */
  rest: Claimant | undefined;
  readonly byName: Map<string, Claimant>;
}

export class PortClaims {
  readonly #node: NodeSettings;
  readonly #claimed = new Map<string, Claimed>();

  constructor(node: NodeSettings) {
    this.#node = node;
  }

  /** Undefined: the port is the claimant's. What is refused claims nothing. */
  claim(claimant: Claimant): Refusal | undefined {
    const { definition } = claimant;
    const why = this.#reserved(definition) ?? this.#taken(claimant);
    if (why === undefined) this.#take(claimant);
    return why;
  }

  #reserved({ protocol, listenPort }: BindingDefinition): Refusal | undefined {
    const { tunnelPort, sshPort } = this.#node;
    const use =
      listenPort === tunnelPort
        ? "uplinks connect to it (tunnel.listenPort)"
        : protocol === "TCP" && listenPort === sshPort
          ? "SSH listens there (ssh.port)"
          : ownPorts[listenPort];
    return use === undefined ? undefined : { state: "PortReserved", message: `port ${listenPort} cannot be bound: ${use}` };
  }

  #taken({ object, definition }: Claimant): Refusal | undefined {
    const claimed = this.#claimed.get(keyOf(definition));
    if (!claimed) return undefined;
    const conflict = conflictOf(definition, claimed);
    if (!conflict) return undefined;
    const { what, holder } = conflict;
    const isOwn = formatName(holder.object) === formatName(object);
    const name = `"${holder.definition.name}"`;
    // Those of one second, and of files, are taken by name.
    const why = holder.object.createdAt === object.createdAt ? "comes first by its name" : "is older";
    const who = isOwn ? `its own binding ${name}` : `the binding ${name} of PortBinding "${formatName(holder.object)}", which ${why}`;
    return { state: "PortConflict", message: `${what} is held by ${who}` };
  }

  #take(claimant: Claimant): void {
    const { definition } = claimant;
    const claimed = this.#claimed.get(keyOf(definition)) ?? { rest: undefined, byName: new Map<string, Claimant>() };
    this.#claimed.set(keyOf(definition), claimed);
    if (!hasServerNames(definition)) claimed.rest = claimant;
    for (const name of namesOf(definition)) claimed.byName.set(name, claimant);
  }
}

const keyOf = ({ protocol, listenPort }: BindingDefinition): string => `${listenPort}/${protocol}`;

function namesOf({ tls }: BindingDefinition): string[] {
  return (tls?.serverNames ?? []).map((name) => name.toLowerCase());
}

function conflictOf(wanted: BindingDefinition, { rest, byName }: Claimed): { what: string; holder: Claimant } | undefined {
  const key = keyOf(wanted);
  const [named] = byName.values();
  if (!hasServerNames(wanted)) {
    if (rest) return { what: `port ${key}`, holder: rest };
    // Without TLS there is no server name to tell connections apart by.
    return wanted.tls === undefined && named ? { what: `port ${key}`, holder: named } : undefined;
  }
  if (rest && rest.definition.tls === undefined) return { what: `port ${key}`, holder: rest };
  const name = namesOf(wanted).find((each) => byName.has(each));
  const holder = name === undefined ? undefined : byName.get(name);
  return holder && { what: `the server name ${name} on port ${key}`, holder };
}
