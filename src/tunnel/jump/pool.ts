/** The processes in one pod that carry the connections to one address, with one that waits for the next. */

import type { Clock } from "#base/clock.ts";
import { KtError } from "#base/errors.ts";
import { muxLimits } from "#mux/limits.ts";
import { tunnelLimits } from "#tunnel/limits.ts";
import type { Log } from "#base/log.ts";
import type { JumpHost } from "#route/target.ts";
import { isMissingProgram } from "#wire/exec.ts";
import { noProgramCode } from "./failure.ts";
import { JumpProcess, type JumpProcessEnd } from "./jump-process.ts";
import { RecentPeak } from "./recent-peak.ts";
import type { JumpAddress } from "./tool.ts";
import type { JumpReaper } from "./reaper.ts";
import type { JumpKit, JumpTools } from "./tools.ts";
import { type JumpPlace, runCommand } from "./run-command.ts";
import { SpareSchedule } from "#tunnel/pipe/spare-schedule.ts";

export interface JumpPoolOptions {
  readonly place: JumpPlace;
  readonly via: JumpHost;
  readonly address: JumpAddress;
  readonly tools: JumpTools;
  readonly reaper: JumpReaper;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * A shell that says its process id and waits for a line before it becomes the command: so it can be there in advance, and be
 * ended from outside. The script is constant; what it runs comes as arguments, so nothing of a profile is ever read by a shell.
 */
const inShell = (command: readonly string[]): readonly string[] => ["sh", "-c", 'echo $$ >&2; read -r _ && exec "$@"', "kt", ...command];

/** From this exit code on a program was killed, by signal 1 and so on. */
const firstSignalCode = 129;

const killCommand = (processId: string): readonly string[] => ["sh", "-c", 'kill "$1"', "kt", processId];

export class JumpPool {
  readonly #options: JumpPoolOptions;
  readonly #all = new Set<JumpProcess>();
  /** Those that wait for a connection, the oldest first. */
  #spare: JumpProcess[] = [];
  /** Spares on their way. */
  #opening = 0;
  /** Connections that wait for their process. */
  #acquiring = 0;
  #lastUsedMs = Number.NEGATIVE_INFINITY;
  #recent = new RecentPeak();
  /** Whether the node holds back a command until it is started; learnt from the latest one. */
  #nodeWaits = false;
  readonly #spares: SpareSchedule;
  readonly #closing = new AbortController();

  constructor(options: JumpPoolOptions) {
    this.#options = options;
    this.#spares = new SpareSchedule(options.clock, () => this.#keepSpare());
  }

  get count(): number {
    return this.#all.size;
  }

  get inUse(): number {
    return this.#all.size - this.#spare.length;
  }

  get isUnused(): boolean {
    return this.#all.size === 0 && this.#opening + this.#acquiring === 0 && !this.#spares.isPending;
  }

  /** A process for one connection: one that waits, or a new one. Rejects with KtError. */
  async acquire(): Promise<JumpProcess> {
    this.#acquiring += 1;
    this.#recent.add(this.#options.clock.now());
    try {
      const kit = await this.#kit();
      const process = this.#takeSpare() ?? (await this.#prepare(kit));
      this.#lastUsedMs = this.#options.clock.now();
      this.#spares.soon();
      return process;
    } finally {
      this.#acquiring -= 1;
    }
  }

  #takeSpare(): JumpProcess | undefined {
    for (let spare = this.#spare.shift(); spare; spare = this.#spare.shift()) {
      if (spare.isGood) return spare;
      spare.abort();
    }
    return undefined;
  }

  /** Gives back a process that was acquired and then not used. */
  release(process: JumpProcess): void {
    const mayWait = process.isGood && (process.inShell || this.#nodeWaits);
    const isWanted = !this.#closing.signal.aborted && this.#spare.length < this.#spareWanted();
    if (mayWait && isWanted) this.#spare.push(process);
    else process.abort();
  }

  /** Called about every second. */
  tick(nowMs: number): void {
    let heardMs = 0;
    for (const process of this.#all) heardMs = Math.max(heardMs, process.heardMs);
    for (const process of [...this.#all]) process.tick(nowMs, nowMs - heardMs < muxLimits.pingTimeoutMs);
    const isIdle = this.#isIdle(nowMs);
    for (const process of [...this.#spare]) if (isIdle || !process.isGood) process.abort();
    for (const process of this.#spare.slice(0, Math.max(0, this.#spare.length - this.#spareWanted()))) process.abort();
    if (!isIdle && this.#spare.length + this.#opening === 0) this.#spares.soon();
  }

  ping(): void {
    for (const process of this.#all) process.ping();
  }

  /** Ends the processes that wait; the others end with their connection. */
  retire(): void {
    this.#spares.cancel();
    this.#lastUsedMs = Number.NEGATIVE_INFINITY;
    for (const process of [...this.#spare]) process.abort();
  }

  close(): void {
    this.#closing.abort(new KtError("shutting-down", "the tunnel was closed"));
    this.retire();
    for (const process of [...this.#all]) process.abort();
  }

  #isIdle(nowMs: number): boolean {
    return nowMs - this.#lastUsedMs >= tunnelLimits.sessionIdleMs;
  }

  #kit(): Promise<JumpKit> {
    const { tools, place, via } = this.#options;
    return tools.find(place, via);
  }

  #keepSpare(): void {
    const isWanted = this.#spare.length + this.#opening < this.#spareWanted();
    if (isWanted && !this.#isIdle(this.#options.clock.now())) void this.#addSpare();
  }

  /** As many as came at once lately. */
  #spareWanted(): number {
    return Math.min(tunnelLimits.spareProcessesPerPod, Math.max(1, this.#recent.value(this.#options.clock.now())));
  }

  async #addSpare(): Promise<void> {
    this.#opening += 1;
    try {
      const kit = await this.#kit();
      // Nothing may connect to the target before a client does: without a shell that waits, only where the node waits.
      if (!kit.hasShell && !this.#nodeWaits) return;
      this.#spare.push(await this.#prepare(kit));
      this.#spares.soon();
    } catch (error) {
      // The next connection fails in the same way and reports it; until then it is not tried again.
      this.#lastUsedMs = Number.NEGATIVE_INFINITY;
      this.#options.log("info", "jump-spare-failed", { pod: this.#options.place.pod, reason: String(error) });
    } finally {
      this.#opening -= 1;
    }
  }

  async #prepare(kit: JumpKit): Promise<JumpProcess> {
    const { place, address, clock, reaper } = this.#options;
    const { container, tool, hasShell } = kit;
    const plain = tool.command(address);
    const command = hasShell ? inShell(plain) : plain;
    const { exec } = await place.cluster.exec(place.namespace, place.pod, { container, command }, this.#closing.signal);
    if (this.#closing.signal.aborted) {
      exec.abort();
      throw this.#closing.signal.reason;
    }
    this.#nodeWaits = exec.waits;
    const process: JumpProcess = new JumpProcess({
      exec,
      pod: place.pod,
      address,
      tool,
      inShell: hasShell,
      clock,
      leave: () => reaper.add(exec, () => this.#kill(container, process.processId)),
      onOver: (over, end) => this.#over(over, kit, end),
    });
    this.#all.add(process);
    return process;
  }

  /** As a terminal would. False while the id is not known; a process without one ends when its target does. */
  #kill(container: string | undefined, processId: string | undefined): boolean {
    if (processId === undefined) return false;
    const { place, clock, log } = this.#options;
    runCommand(place, { container, command: killCommand(processId) }, clock).catch((error: unknown) => {
      log("info", "jump-kill-failed", { pod: place.pod, reason: String(error) });
    });
    return true;
  }

  #over(process: JumpProcess, kit: JumpKit, { exit, isOpened }: JumpProcessEnd): void {
    this.#all.delete(process);
    const at = this.#spare.indexOf(process);
    if (at >= 0) this.#spare.splice(at, 1);
    if (!exit || exit.kind === "lost" || exit.kind === "late") return;
    const isMissing = exit.kind === "failed" ? isMissingProgram(exit.text) : exit.code === noProgramCode;
    // A shell that ends by itself before its line comes is of no use.
    const isNoShell = exit.kind === "failed" ? isMissing : !isOpened && exit.code < firstSignalCode;
    if (process.inShell && isNoShell) {
      kit.hasShell = false;
      // The connection comes again without one: it is not two.
      this.#recent = new RecentPeak();
    } else if (isMissing) this.#forget();
  }

  /** The pod's image has changed: neither the tools that were found nor the waiting processes are of use. */
  #forget(): void {
    const { tools, place, via } = this.#options;
    tools.forget(place, via);
    for (const spare of [...this.#spare]) spare.abort();
  }
}
