/** Which local port stands for each port of a service: the same one, the one that the profile maps it to, or one that needs no privilege. Pure. */

import type { Service, ServicePort } from "#kube/objects/objects.ts";
import { discoveryLimits } from "./limits.ts";
import type { NamedPort } from "./names.ts";

export interface LocalPort extends NamedPort {
  /** It is another one only because that one needs a privilege. */
  readonly isRaised: boolean;
}

export interface LocalPorts {
  readonly ports: readonly LocalPort[];
  /** What is not listened on, and why; one sentence each. */
  readonly notes: readonly string[];
}

/** `mapped` are the profile's; ports below `firstFree` need a privilege. */
export function localPortsOf(service: Pick<Service, "ports">, mapped: ReadonlyMap<number, number>, firstFree: number): LocalPorts {
  const tcp = service.ports.filter(({ protocol }) => protocol === "TCP");
  const others = service.ports.filter(({ protocol }) => protocol !== "TCP");
  const holders = new Map<number, number>();
  const notes = others.map((each) => `port ${portText(each)} is ${each.protocol}, and only TCP is forwarded`);
  const wanted = tcp.map((each) => ({ ...each, local: mapped.get(each.port) ?? each.port }));
  const free = wanted.filter(({ local }) => local >= firstFree);
  const low = wanted.filter(({ local }) => local < firstFree);
  const taken = (local: number): boolean => holders.has(local);
  const ports: LocalPort[] = [];
  for (const { name, port, local } of free) {
    const holder = holders.get(local);
    if (holder === undefined) ports.push({ name, port, localPort: local, isRaised: false });
    else notes.push(`port ${port} is not listened on: local port ${local} stands for port ${holder} already`);
    if (holder === undefined) holders.set(local, port);
  }
  for (const { name, port, local } of low) {
    const localPort = raised(local, taken);
    holders.set(localPort, port);
    ports.push({ name, port, localPort, isRaised: true });
  }
  return { ports: ports.sort((a, b) => a.port - b.port), notes };
}

function portText({ port, name }: ServicePort): string {
  return name === "" ? String(port) : `${port} (${name})`;
}

function raised(local: number, taken: (port: number) => boolean): number {
  let port = local + discoveryLimits.lowPortOffset;
  while (taken(port)) port += discoveryLimits.lowPortStep;
  return port;
}
