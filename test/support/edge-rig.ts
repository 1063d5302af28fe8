/** A whole edge on loopback addresses, for tests: its plan is a file, its uplinks are the test's. */

import { hash } from "bun";
import { rename, writeFile } from "node:fs/promises";
import { systemClock } from "#base/clock.ts";
import type { Log } from "#base/log.ts";
import { Edge, type EdgeOptions } from "#edge/edge.ts";
import type { EdgeDocument, TcpEdgeBinding } from "#expose/host/edge-document.ts";
import { targetKey } from "#expose/host/target-key.ts";
import { type Overlay, overlay } from "./overlay.ts";
import { tempDir } from "./temp-dir.ts";
import { eventually } from "./wait.ts";

export interface LogLine {
  readonly level: string;
  readonly event: string;
  readonly fields: Parameters<Log>[2];
}

export interface EdgeRig {
  readonly edge: Edge;
  readonly net: Overlay;
  readonly folder: string;
  readonly logged: readonly LogLine[];
  /** Writes a plan beside the one in force and renames it into its place. */
  write(text: string): Promise<void>;
  /** The same of bindings, and waits until the edge follows it. */
  plan(bindings: EdgeDocument["bindings"], more?: Partial<EdgeDocument>): Promise<void>;
  stateOf(id: string): string | undefined;
  /** Until a binding has this state, with these settings where they are given. */
  until(id: string, state: string, hash?: string): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Probes are quick, so that tests see what takes intervals. */
export const quickHealth = { intervalMs: 200, timeoutMs: 300, healthyThreshold: 2, unhealthyThreshold: 2 };

export const keyOf = (name: string): string => targetKey("TCP", { address: name, port: 80 });

/** The hash is of all that is given, as the operator's is. */
export function tcpBinding(id: string, listenPort: number, more: Partial<TcpEdgeBinding> = {}): TcpEdgeBinding {
  const settings = { connectTimeoutMs: 1000, idleTimeoutMs: 60_000, proxyHeader: 0, target: keyOf("a"), ...more } as const;
  return { protocol: "TCP", id, hash: String(hash(JSON.stringify([id, listenPort, settings]))), listenPort, ...settings };
}

export async function edgeRig(uplinks = 1, more: Pick<EdgeOptions, "identity"> = {}): Promise<EdgeRig> {
  const [net, directory] = [overlay(), await tempDir()];
  const path = `${directory.path}/plan.json`;
  const logged: LogLine[] = [];
  const log: Log = (level, event, fields) => void logged.push({ level, event, fields });
  const edge = new Edge({ plan: path, hosts: [net.public], clock: systemClock, log, lastHandshake: () => "", onPlan() {}, ...more });
  let plans = 0;
  const write = async (text: string): Promise<void> => {
    await writeFile(`${path}.new`, text);
    await rename(`${path}.new`, path);
  };
  return {
    edge,
    net,
    folder: directory.path,
    logged,
    write,
    plan: async (bindings, more = {}) => {
      const planHash = `plan-${++plans}`;
      await write(JSON.stringify({ ...emptyPlan(net, uplinks), hash: planHash, bindings, ...more }));
      await eventually(`the edge follows ${planHash}`, () => edge.status().hash === planHash, 10_000, 2);
    },
    stateOf: (id) => edge.status().bindings.find((binding) => binding.id === id)?.state,
    until: async (id, state, settings) => {
      const isThere = (): boolean =>
        edge.status().bindings.some((each) => each.id === id && each.state === state && (settings ?? each.hash) === each.hash);
      await eventually(`${id} is ${state}; it says ${JSON.stringify(edge.status())}`, isThere, 10_000, 2);
    },
    [Symbol.asyncDispose]: async () => {
      edge.close();
      net[Symbol.dispose]();
      await directory[Symbol.asyncDispose]();
    },
  };
}

function emptyPlan(net: Overlay, uplinks: number): EdgeDocument {
  return {
    version: 1,
    node: "default/vps",
    hash: "",
    transport: "wireguard",
    tunnelPort: 51_821,
    network: net.network,
    edgeAddress: net.edge,
    mtu: 1420,
    uplinks: Array.from({ length: uplinks }, (_, ordinal) => ({ ordinal, address: net.uplink(ordinal), publicKey: `key${ordinal}` })),
    health: quickHealth,
    maxSocketBufferBytes: 0,
    bindings: [],
  };
}
