/** The open public UDP ports: one for each port that a binding has, or that still has sessions of one. */

import type { KtError } from "#base/errors.ts";
import type { Log } from "#base/log.ts";
import type { EdgeDocument, UdpEdgeBinding } from "#expose/host/edge-document.ts";
import { networkAddresses } from "#native/network-addresses.ts";
import { portHolder } from "#native/port-holder.ts";
import type { UdpCounters } from "./udp-counters.ts";
import { UdpPort } from "./udp-port.ts";
import type { UdpSessions } from "./udp-sessions.ts";

export interface UdpPortsOptions {
  /** Addresses to listen on. With `0.0.0.0` or `::`, each of the machine's own has a socket as well: answers come from the address asked. */
  readonly hosts: readonly string[];
  readonly sessions: UdpSessions;
  readonly counters: UdpCounters;
  readonly settings: () => Pick<EdgeDocument, "edgeAddress" | "maxSocketBufferBytes">;
  readonly log: Log;
  /** What `problemOf` says has changed. */
  readonly onChange: () => void;
  /** One was left by its last session. */
  readonly onLeft: () => void;
}

export class UdpPorts {
  readonly #options: UdpPortsOptions;
  readonly #ports = new Map<number, UdpPort>();
  /** By the id of their binding. */
  #problems: ReadonlyMap<string, string> = new Map();
  /** Who has a port that could not be opened. */
  readonly #holders = new Map<number, string>();

  constructor(options: UdpPortsOptions) {
    this.#options = options;
  }

  get all(): readonly UdpPort[] {
    return [...this.#ports.values()];
  }

  get(number: number): UdpPort | undefined {
    return this.#ports.get(number);
  }

  problemOf(id: string): string | undefined {
    return this.#problems.get(id);
  }

  get hasProblems(): boolean {
    return this.#problems.size > 0;
  }

  /** Ports of no binding any more keep the clients that they have. `problem`: why none can serve; empty where they can. */
  lead(bindings: readonly UdpEdgeBinding[], problem: string): void {
    for (const port of this.#ports.values()) port.binding = undefined;
    const own = this.#ownAddresses();
    const failures = bindings.flatMap((binding) => {
      const failure = this.#open(binding, own) || problem;
      return failure === "" ? [] : [[binding.id, failure] as const];
    });
    for (const [number, port] of this.#ports) this.#leaveIdle(number, port);
    this.#report(new Map(failures));
  }

  /** Datagrams wait for `release` there: another instance has the sessions. Returns why it could not be opened. */
  openBeside(number: number, hosts: readonly string[]): string {
    return this.#add(number, true).listen(hosts, [])?.message ?? "";
  }

  close(): void {
    for (const port of this.#ports.values()) port.close();
    this.#ports.clear();
  }

  /** The first binding of a port has it. Returns why it could not be opened. */
  #open(binding: UdpEdgeBinding, own: readonly string[]): string {
    const { listenPort } = binding;
    const port = this.#ports.get(listenPort) ?? this.#add(listenPort, false);
    if (port.binding) return `another binding has port ${listenPort}`;
    port.binding = binding;
    const failure = port.listen(this.#options.hosts, own);
    if (!failure) this.#holders.delete(listenPort);
    else if (failure.code === "port-taken" && !this.#holders.has(listenPort)) void this.#nameHolder(binding, failure);
    return failure ? (this.#holders.get(listenPort) ?? failure.message) : "";
  }

  async #nameHolder({ id, listenPort: port }: UdpEdgeBinding, failure: KtError): Promise<void> {
    this.#holders.set(port, failure.message);
    const found = await Promise.all(this.#options.hosts.map((host) => portHolder({ host, port, transport: "udp" })));
    const holder = found.find((each) => each !== undefined);
    if (!holder || !this.#holders.has(port) || !this.#problems.has(id)) return;
    const text = `port ${port} is taken by "${holder.command}" (process ${holder.pid})`;
    this.#holders.set(port, text);
    this.#report(new Map(this.#problems).set(id, text));
  }

  #report(problems: ReadonlyMap<string, string>): void {
    const before = this.#problems;
    this.#problems = problems;
    const news = [...problems].filter(([id, text]) => before.get(id) !== text);
    for (const [id, text] of news) this.#options.log("warn", "listen-failed", { binding: id, text });
    if (news.length > 0 || before.size !== problems.size) this.#options.onChange();
  }

  #add(number: number, isHeld: boolean): UdpPort {
    const { sessions, counters, settings } = this.#options;
    const port: UdpPort = new UdpPort({
      port: number,
      sessions,
      counters,
      bufferBytes: () => settings().maxSocketBufferBytes,
      isHeld,
      onIdle: () => this.#leaveIdle(number, port),
    });
    this.#ports.set(number, port);
    return port;
  }

  #leaveIdle(number: number, port: UdpPort): void {
    if (port.binding || port.sessions.size > 0 || this.#ports.get(number) !== port) return;
    this.#ports.delete(number);
    port.close();
    this.#options.onLeft();
  }

  /** Of the families that it listens on whole. */
  #ownAddresses(): string[] {
    const { hosts, settings } = this.#options;
    const { edgeAddress } = settings();
    return networkAddresses().filter((own) => own !== edgeAddress && hosts.includes(own.includes(":") ? "::" : "0.0.0.0"));
  }
}
