/** The plan of the public edge, as people read it and as programs do. */

import { formatHostPort } from "#base/hostname.ts";
import { bold, dim, type Line, line, red, tableLines, type Text } from "#base/text.ts";
import type { PlannedBinding, RefusedBinding } from "#expose/plan/edge-plan.ts";
import type { TcpSettings, UdpSettings } from "#expose/plan/settings.ts";
import { formatName } from "#expose/resources/read-objects.ts";
import type { PlannedEdge, PlannedNode } from "#operator/seen-edge.ts";

export function planLines({ nodes, portBindings }: PlannedEdge): Line[] {
  const shown = new Set(
    nodes.flatMap(({ plan }) => [...(plan?.bindings ?? []), ...(plan?.refused ?? [])]).map(({ object }) => formatName(object)),
  );
  const others = portBindings.filter(({ object, condition }) => condition.status !== "True" && !shown.has(formatName(object)));
  const blocks = [
    ...nodes.map(nodeLines),
    ...others.map(({ object, condition }) => [line([bold(`PortBinding ${formatName(object)}`), ": ", red(condition.message)], 2)]),
  ];
  return blocks.flatMap((block, index) => (index === 0 ? block : [line(""), ...block]));
}

function nodeLines({ node, plan, problem }: PlannedNode): Line[] {
  const title = bold(`EdgeNode ${formatName(node)}`);
  if (!plan) return [line([title, ": ", red(problem?.message ?? "")], 2)];
  const { settings, bindings, refused, hash } = plan;
  const { address, transport, tunnelPort, uplinks, network } = settings;
  const protocol = transport === "wireguard" ? "UDP" : "TCP";
  const count = `${uplinks.length} ${uplinks.length === 1 ? "uplink" : "uplinks"}`;
  return [
    line([title, ` at ${address}`]),
    line(dim(`  ${transport} on ${tunnelPort}/${protocol}, ${count} in ${network}, plan ${hash.slice(0, shownHash)}`), 2),
    ...tableLines(bindings.map(bindingRow)),
    ...(refused.length === 0 ? [] : [line("  not on the host:"), ...tableLines(refused.map(refusedRow))]),
  ];
}

/** Enough to tell two plans apart. */
const shownHash = 12;

function bindingRow({ id, listenPort, settings, target, hash }: PlannedBinding): Text[] {
  const { address, port, service } = target;
  const at = address === undefined ? undefined : formatHostPort({ host: address, port });
  const lead = service === undefined ? (at ?? "") : `svc ${formatName(service)}:${port}${at === undefined ? "" : ` (${at})`}`;
  return [`  ${listenPort}/${settings.protocol}`, id, `→ ${lead}`, dim([...wordsOf(settings), hash.slice(0, shownHash)].join(", "))];
}

function refusedRow({ id, listenPort, protocol, state, message }: RefusedBinding): Text[] {
  return [`  ${listenPort === undefined ? "?" : `${listenPort}/${protocol}`}`, id, red(`${state}: ${message}`)];
}

/** What is not as usual. */
function wordsOf(settings: TcpSettings | UdpSettings): string[] {
  const header = settings.proxyHeader === 0 ? [] : [`PROXY v${settings.proxyHeader}`];
  if (settings.protocol === "UDP" || settings.tls === undefined) return header;
  const { mode, secret, serverNames } = settings.tls;
  const names = serverNames.length === 0 ? "" : ` for ${serverNames.join(", ")}`;
  return [`TLS ${mode}${secret === undefined ? "" : ` by Secret ${formatName(secret)}`}${names}`, ...header];
}

/** For `--json`. */
export function planValue({ nodes, portBindings }: PlannedEdge): object {
  return {
    nodes: nodes.map(({ node: { namespace, name }, plan, problem }) => ({
      namespace,
      name,
      ...(plan && { plan }),
      ...(problem && { problem }),
    })),
    portBindings: portBindings.map(({ object: { namespace, name }, condition }) => ({ namespace, name, condition })),
  };
}
