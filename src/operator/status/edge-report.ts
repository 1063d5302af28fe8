/** How the public edges of a cluster are, read from the statuses of their objects and never better than those can know. Pure. */

import { edgeNodeDefaults, edgeNodeStatus, type EdgeNodeSpec } from "#expose/resources/edge-node.ts";
import { portBindingStatus } from "#expose/resources/port-binding.ts";
import { formatName, type ObjectName, type ReadBinding } from "#expose/resources/read-objects.ts";
import { isRecord, problemText } from "#expose/schema/problem.ts";
import type { KubeObject, ObjectMeta } from "#operator/cluster/kinds.ts";
import { nameOf, type SeenBinding, type SeenNode } from "#operator/cluster/seen.ts";

/** `pending`: the operator is at it, or has not looked yet; `unknown`: it cannot tell. */
export type ReportState = "ready" | "pending" | "failed" | "unknown" | "deleting";

export interface Reported {
  readonly state: ReportState;
  /** In one word, as the condition has it. */
  readonly reason: string;
  readonly message: string;
}

export interface UplinkReport {
  readonly ordinal: number;
  readonly tunnelIP: string;
  readonly lastHandshake?: string;
  /** Since the last handshake; with TLS, since it connected. Undefined where there was none. */
  readonly ageSeconds?: number;
}

export interface BindingReport extends Reported {
  readonly name: string;
  /** Undefined where the binding is wrong. */
  readonly port?: string;
  readonly target?: string;
}

export interface PortBindingReport extends Reported, ObjectName {
  /** Its EdgeNode, as namespace/name. */
  readonly edgeNode?: string;
  readonly bindings: readonly BindingReport[];
}

export interface NodeReport extends Reported, ObjectName {
  readonly address?: string;
  readonly transport?: EdgeNodeSpec["tunnel"]["transport"];
  readonly tunnelPort?: number;
  readonly uplinkNamespace?: string;
  readonly publicKey?: string;
  readonly conditions: readonly { readonly type: string; readonly status: string; readonly reason: string; readonly message: string }[];
  readonly uplinks: readonly UplinkReport[];
  readonly portBindings: readonly PortBindingReport[];
}

/** What the leases of operators say, where there are any; one that runs without a lease has none. */
export interface OperatorReport {
  readonly isLeading: boolean;
  /** Since the latest renewal, by the clock of the operator. */
  readonly renewedSecondsAgo: number;
}

export interface EdgeReport {
  readonly operator?: OperatorReport;
  readonly nodes: readonly NodeReport[];
  /** Those whose EdgeNode is not among the nodes. */
  readonly portBindings: readonly PortBindingReport[];
}

/** Longer than any lease, and than clocks should differ: what is not renewed by then has nothing that writes statuses. */
const leaderlessMs = 60_000;

/** Undefined where there is no lease that can be read. */
export function operatorReport(leases: readonly KubeObject[], nowMs: number): OperatorReport | undefined {
  const renewals = leases.flatMap(({ spec }) => {
    const { renewTime, holderIdentity } = isRecord(spec) ? spec : {};
    const atMs = typeof renewTime === "string" ? Date.parse(renewTime) : Number.NaN;
    return Number.isNaN(atMs) ? [] : [{ atMs, isHeld: typeof holderIdentity === "string" && holderIdentity !== "" }];
  });
  const latest = renewals.sort((a, b) => b.atMs - a.atMs)[0];
  if (latest === undefined) return undefined;
  const agoMs = Math.max(0, nowMs - latest.atMs);
  return {
    isLeading: renewals.some(({ atMs, isHeld }) => isHeld && nowMs - atMs < leaderlessMs),
    renewedSecondsAgo: Math.round(agoMs / 1000),
  };
}

/** All by name. */
export function edgeReport(nodes: readonly SeenNode[], portBindings: readonly SeenBinding[], nowMs: number): EdgeReport {
  const reports = portBindings.map(portBindingReport).sort(byName);
  const known = new Set(nodes.map(({ meta }) => formatName(nameOf(meta))));
  return {
    nodes: nodes.map((node) => nodeReport(node, reports, nowMs)).sort(byName),
    portBindings: reports.filter(({ edgeNode }) => edgeNode === undefined || !known.has(edgeNode)),
  };
}

const byName = (a: ObjectName, b: ObjectName): number => (formatName(a) < formatName(b) ? -1 : 1);

function nodeReport({ meta, object, status }: SeenNode, all: readonly PortBindingReport[], nowMs: number): NodeReport {
  const name = nameOf(meta);
  const { spec } = object;
  const { publicKey, uplink = [], conditions = [], observedGeneration } = edgeNodeStatus.read(status, "status", []);
  return {
    ...name,
    ...stateOf(meta, observedGeneration, conditions),
    ...(spec && {
      address: spec.address,
      transport: spec.tunnel.transport,
      tunnelPort: spec.tunnel.listenPort || edgeNodeDefaults.tunnelPort,
      uplinkNamespace: spec.uplink.namespace,
    }),
    ...(publicKey && { publicKey }),
    conditions: conditions.map(({ type, status: is, reason, message }) => ({ type, status: is, reason, message })),
    uplinks: uplink.map(({ ordinal, tunnelIP, lastHandshake }) => {
      const atMs = Date.parse(lastHandshake ?? "");
      const age = Number.isNaN(atMs) ? {} : { ageSeconds: Math.max(0, Math.round((nowMs - atMs) / 1000)) };
      return { ordinal, tunnelIP, ...(lastHandshake && { lastHandshake }), ...age };
    }),
    portBindings: all.filter(({ edgeNode }) => edgeNode === formatName(name)),
  };
}

function portBindingReport({ meta, object, status }: SeenBinding): PortBindingReport {
  const { bindings = [], conditions = [], observedGeneration } = portBindingStatus.read(status, "status", []);
  const whole = stateOf(meta, observedGeneration, conditions);
  const isSeen = observedGeneration === (meta.generation ?? 0);
  return {
    ...nameOf(meta),
    ...whole,
    ...(object.node && { edgeNode: formatName(object.node) }),
    bindings: object.bindings.map((binding) => {
      const said = isSeen ? bindings.find(({ name }) => name === binding.name) : undefined;
      return { name: binding.name, ...shapeOf(binding), ...(said === undefined ? withoutWord(binding, whole) : bindingState(said)) };
    }),
  };
}

function shapeOf({ definition }: ReadBinding): Pick<BindingReport, "port" | "target"> {
  if (definition === undefined) return {};
  const { protocol, listenPort, target } = definition;
  const { service, address, port } = target;
  const lead = service === undefined ? `${address}:${port}` : `${service.namespace}/svc/${service.name}:${service.port}`;
  return { port: `${listenPort}/${protocol}`, target: lead };
}

/** Of a binding that the status does not name. */
function withoutWord({ problems }: ReadBinding, whole: Reported): Reported {
  if (problems.length > 0) return { state: "failed", reason: "Invalid", message: problems.map(problemText).join("; ") };
  return whole.state === "ready" ? { state: "pending", reason: "Pending", message: "the operator has said nothing of it yet" } : whole;
}

function bindingState({ state, message = "" }: { readonly state: string; readonly message?: string | undefined }): Reported {
  if (state === "Ready") return { state: "ready", reason: state, message };
  if (state === "Pending") return { state: "pending", reason: state, message };
  return { state: state === "Unknown" ? "unknown" : "failed", reason: state, message };
}

/** Reasons of what is under way. */
const underWay: readonly string[] = ["Provisioning", "NotYetApplied"];

type Conditions = readonly { readonly type: string; readonly status: string; readonly reason: string; readonly message: string }[];

/** A word about a former generation says nothing about this one. */
function stateOf({ deletionTimestamp, generation = 0 }: ObjectMeta, observed: number | undefined, conditions: Conditions): Reported {
  const ready = conditions.find(({ type }) => type === "Ready");
  const { reason = "", message = "" } = ready ?? {};
  if (deletionTimestamp !== undefined) return { state: "deleting", reason, message };
  if (ready === undefined) return { state: "pending", reason: "NotObserved", message: "no operator has looked at it yet" };
  if (observed !== generation)
    return { state: "pending", reason: "NotYetApplied", message: `the operator has not looked at generation ${generation} yet` };
  if (ready.status === "True") return { state: "ready", reason, message };
  if (ready.status === "Unknown") return { state: "unknown", reason, message };
  return { state: underWay.includes(reason) ? "pending" : "failed", reason, message };
}
