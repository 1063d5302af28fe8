/** Whose connection it is on a port that bindings share by the names in TLS hellos. Pure. */

import type { TcpEdgeBinding } from "#expose/host/edge-document.ts";

const namesOf = ({ tls }: TcpEdgeBinding): readonly string[] => tls?.serverNames ?? [];

/** Whether the hello is needed to know whose a connection is. */
export function isShared(bindings: readonly TcpEdgeBinding[]): boolean {
  const [first] = bindings;
  return first?.tls !== undefined && (bindings.length > 1 || namesOf(first).length > 0);
}

/**
 * The binding with the name itself; else the one with the longest pattern, where `*.example.com` stands for every name below example.com;
 * else the one without names. Of several the first.
 */
export function bindingFor(bindings: readonly TcpEdgeBinding[], serverName: string | undefined): TcpEdgeBinding | undefined {
  for (const pattern of patternsOf(serverName)) {
    const found = bindings.find((binding) => namesOf(binding).includes(pattern));
    if (found) return found;
  }
  return bindings.find((binding) => namesOf(binding).length === 0);
}

/** What may stand for a name, the closest first. */
function patternsOf(serverName: string | undefined): string[] {
  if (serverName === undefined) return [];
  const name = serverName.toLowerCase().replace(/\.$/, "");
  const labels = name.split(".");
  return [name, ...labels.slice(1).map((_, at) => `*.${labels.slice(at + 1).join(".")}`)];
}
