/** Which local port stands for each port of a service: the same, the one in the profile, or one that needs no privilege. Pure. */

import type { Service, ServicePort } from "#kube/objects/objects.ts";
import { discoveryLimits } from "./limits.ts";
import type { NamedPort } from "./names.ts";

export interface LocalPorts {
  readonly ports: readonly NamedPort[];
  /** What is not listened on, and why; one sentence each. */
  readonly notes: readonly string[];
}

export interface LocalPortRules {
  /** From service ports to local ports, as the profile has them. */
  readonly mapped: ReadonlyMap<number, number>;
  /** Ports below need a privilege. */
  readonly firstFree: number;
  /** A relay can carry UDP. */
  readonly udp: boolean;
}

/** Ports of TCP and of UDP by themselves: one number is a port of each. */
export function localPortsOf(service: Pick<Service, "ports">, rules: LocalPortRules): LocalPorts {
  const of = (protocol: string): readonly ServicePort[] => service.ports.filter((each) => each.protocol === protocol);
  const tcp = localsOf(of("TCP"), rules);
  const udp = localsOf(rules.udp ? of("UDP") : [], rules);
  const ports = [...tcp.ports, ...udp.ports.map((each) => ({ ...each, transport: "udp" as const }))];
  const left = service.ports.flatMap((each) => whyNot(each, rules.udp) ?? []);
  return { ports: ports.sort((a, b) => a.port - b.port), notes: [...left, ...tcp.notes, ...udp.notes] };
}

function whyNot(port: ServicePort, hasUdp: boolean): string | undefined {
  const { protocol } = port;
  if (protocol === "TCP" || (protocol === "UDP" && hasUdp)) return undefined;
  return `port ${portText(port)} is ${protocol}, ${protocol === "UDP" ? needsRelay : "and only TCP and UDP are forwarded"}`;
}

const needsRelay = "which needs the relay: give it an image in [relay]";

function localsOf(declared: readonly ServicePort[], { mapped, firstFree }: LocalPortRules): LocalPorts {
  const holders = new Map<number, number>();
  const notes: string[] = [];
  const wanted = declared.map((each) => ({ ...each, local: mapped.get(each.port) ?? each.port }));
  const free = wanted.filter(({ local }) => local >= firstFree);
  const low = wanted.filter(({ local }) => local < firstFree);
  const taken = (local: number): boolean => holders.has(local);
  const ports: NamedPort[] = [];
  for (const { name, port, local } of free) {
    const holder = holders.get(local);
    if (holder === undefined) ports.push({ name, port, localPort: local });
    else notes.push(`port ${port} is not listened on: local port ${local} stands for port ${holder} already`);
    if (holder === undefined) holders.set(local, port);
  }
  for (const { name, port, local } of low) {
    const localPort = raised(local, taken);
    holders.set(localPort, port);
    ports.push({ name, port, localPort, lowPort: local });
  }
  return { ports, notes };
}

function portText({ port, name }: ServicePort): string {
  return name === "" ? String(port) : `${port} (${name})`;
}

function raised(local: number, taken: (port: number) => boolean): number {
  let port = local + discoveryLimits.lowPortOffset;
  while (taken(port)) port += discoveryLimits.lowPortStep;
  return port;
}
