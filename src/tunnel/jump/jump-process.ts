/** One process in a jump host that carries one connection: socat or nc, perhaps started before it is needed. */

import type { Clock } from "#base/clock.ts";
import { KtError } from "#base/errors.ts";
import { tunnelLimits } from "#tunnel/limits.ts";
import type { Exec, ExecHandler } from "#kube/objects/types.ts";
import { describeJumpEnd, type JumpExit, saysReset } from "./failure.ts";
import { JumpStderr } from "./jump-stderr.ts";
import type { JumpAddress, JumpTool } from "./tool.ts";
import { HeldBack } from "#tunnel/pipe/held-back.ts";
import type { Pipe, PipeListener } from "#tunnel/pipe/pipe.ts";

/** How a process became of no more use. */
export interface JumpProcessEnd {
  /** Undefined when it was given up. */
  readonly exit: JumpExit | undefined;
  /** It was given a connection. */
  readonly isOpened: boolean;
}

export interface JumpProcessOptions {
  readonly exec: Exec;
  readonly pod: string;
  readonly address: JumpAddress;
  readonly tool: JumpTool;
  /** It runs in a shell that says its process id and waits for a line before it becomes the tool. */
  readonly inShell: boolean;
  readonly clock: Clock;
  /** Ends the command, which still runs. Returns what to call once it has ended. */
  readonly leave: () => () => void;
  /** Once, when it carries nothing any more. */
  readonly onOver: (process: JumpProcess, end: JumpProcessEnd) => void;
}

/** What comes from the target. */
type Output =
  | { readonly kind: "open" }
  /** The last byte came. Most runtimes end the process now, which says why; that is waited for. */
  | { readonly kind: "ended"; readonly cancel: () => void }
  /** The process goes on: the target has only ended its half, which is not reported yet. */
  | { readonly kind: "half-closed" }
  | { readonly kind: "reported" };

type State =
  /** For its connection. */
  | { readonly kind: "waiting" }
  /** `exit`: it has ended, which is reported once the reader has got everything. */
  | { readonly kind: "carrying"; readonly listener: PipeListener; readonly output: Output; readonly exit: JumpExit | undefined }
  /** It carries nothing any more, but its command runs on. */
  | { readonly kind: "leaving"; readonly ended: () => void }
  | { readonly kind: "over" };

type Carrying = Extract<State, { kind: "carrying" }>;

const endedWaiting = (pod: string): KtError => new KtError("connection-lost", `the jump host's process did not start in pod "${pod}"`);

const line = new TextEncoder().encode("\n");

export class JumpProcess implements Pipe, ExecHandler {
  readonly #options: JumpProcessOptions;
  readonly #stderr: JumpStderr;
  readonly #held = new HeldBack((bytes) => this.#carrying?.listener.pipeData(bytes));
  readonly createdMs: number;
  #state: State = { kind: "waiting" };
  #received = false;
  #hasSent = false;
  /** Set while a connection to the target is waited for. */
  #cancelConnecting: (() => void) | undefined;

  constructor(options: JumpProcessOptions) {
    this.#options = options;
    this.#stderr = new JumpStderr(options.inShell);
    this.createdMs = options.clock.now();
    if (options.inShell) options.exec.start(this);
  }

  get halfCloses(): boolean {
    return this.#options.tool.halfCloses && this.#options.exec.canEndStdin;
  }

  get hasSent(): boolean {
    return this.#hasSent;
  }

  get inShell(): boolean {
    return this.#options.inShell;
  }

  /** In the container; undefined until the shell has said it, which may be after its connection has gone. */
  get processId(): string | undefined {
    return this.#stderr.processId;
  }

  /** Whether it may still be given a connection. */
  get isGood(): boolean {
    const { exec, inShell, clock } = this.#options;
    return this.#isOfUse && exec.open && (inShell || clock.now() - this.createdMs < tunnelLimits.execWaitMs);
  }

  get heardMs(): number {
    return this.#options.exec.heardMs;
  }

  /** Connects. Once. */
  open(listener: PipeListener): Pipe {
    const { exec, inShell, pod } = this.#options;
    if (!this.#isOfUse) {
      queueMicrotask(() => listener.pipeFailed(endedWaiting(pod), "always"));
      return this;
    }
    this.#state = { kind: "carrying", listener, output: { kind: "open" }, exit: undefined };
    if (inShell) exec.write(line);
    else exec.start(this);
    this.#boundConnecting();
    return this;
  }

  /** Called about every second. See Exec. */
  tick(nowMs: number, pathAlive: boolean): void {
    if (this.#isOfUse) this.#options.exec.tick(nowMs, pathAlive);
  }

  ping(): void {
    if (this.#isOfUse) this.#options.exec.ping();
  }

  write(bytes: Uint8Array): boolean {
    if (!this.#carrying) return true;
    this.#hasSent = true;
    return this.#options.exec.write(bytes);
  }

  end(): void {
    if (!this.#carrying) return;
    if (this.halfCloses) this.#options.exec.end();
    // The target would never learn of it: the connection ends as a whole.
    else this.#finish(this.#carrying, undefined);
  }

  abort(): void {
    this.#leave(this.#carrying?.exit);
  }

  pause(): void {
    if (!this.#isOfUse) return;
    this.#held.pause();
    this.#options.exec.pause();
  }

  resume(): void {
    if (!this.#held.resume()) return;
    this.#options.exec.resume();
    this.#settle();
  }

  onStdout(bytes: Uint8Array): void {
    if (!this.#carrying) return;
    this.#received = true;
    this.#held.push(bytes);
  }

  onStdoutEnd(): void {
    if (this.#carrying?.output.kind !== "open") return;
    const cancel = this.#options.clock.after(tunnelLimits.jumpExitMs, () => this.#goesOn());
    this.#state = { ...this.#carrying, output: { kind: "ended", cancel } };
  }

  onStderr(bytes: Uint8Array): void {
    this.#stderr.push(bytes);
    if (this.#options.tool.connectedSign?.test(this.#stderr.text)) this.#cancelConnecting?.();
  }

  onDrain(): void {
    this.#carrying?.listener.pipeDrained();
  }

  onExit(exit: JumpExit): void {
    if (this.#state.kind === "waiting") this.#leave(exit);
    else if (this.#state.kind === "leaving") this.#state.ended();
    else if (this.#state.kind === "carrying") this.#become({ exit });
  }

  get #carrying(): Carrying | undefined {
    return this.#state.kind === "carrying" ? this.#state : undefined;
  }

  /** It carries a connection, or may be given one. */
  get #isOfUse(): boolean {
    return this.#state.kind === "waiting" || this.#state.kind === "carrying";
  }

  #become(next: Partial<Pick<Carrying, "output" | "exit">>): void {
    if (this.#state.kind !== "carrying") return;
    this.#state = { ...this.#state, ...next };
    this.#settle();
  }

  /** The output ended a moment ago, and the process did not. */
  #goesOn(): void {
    this.#become(saysReset(this.#stderr.text) ? { exit: { kind: "exited", code: 1 } } : { output: { kind: "half-closed" } });
  }

  /** Reports what could not be reported while the reader paused. */
  #settle(): void {
    const carrying = this.#carrying;
    if (!carrying || this.#held.isPaused) return;
    if (carrying.exit) this.#finish(carrying, carrying.exit);
    else if (carrying.output.kind === "half-closed") this.#reportEnd(carrying);
  }

  #reportEnd(carrying: Carrying): void {
    if (carrying.output.kind === "reported") return;
    this.#state = { ...carrying, output: { kind: "reported" } };
    carrying.listener.pipeEnded();
  }

  #finish(carrying: Carrying, exit: JumpExit | undefined): void {
    const { pod, address } = this.#options;
    const failure = exit && describeJumpEnd({ pod, address, exit, stderr: this.#stderr.text, received: this.#received });
    if (!failure) this.#reportEnd(carrying);
    this.#leave(exit);
    if (failure) carrying.listener.pipeFailed(failure.error, failure.again);
    else carrying.listener.pipeClosed();
  }

  /** Where the program has no time limit of its own that would do. */
  #boundConnecting(): void {
    if (!this.#options.tool.connectedSign) return;
    this.#cancelConnecting = this.#options.clock.after(tunnelLimits.jumpConnectMs, () => {
      if (!this.#received) this.onExit({ kind: "late" });
    });
  }

  #leave(exit: JumpExit | undefined): void {
    if (!this.#isOfUse) return;
    const { exec, leave, onOver } = this.#options;
    const carrying = this.#carrying;
    this.#state = { kind: "over" };
    this.#held.clear();
    if (carrying?.output.kind === "ended") carrying.output.cancel();
    this.#cancelConnecting?.();
    onOver(this, { exit, isOpened: carrying !== undefined });
    // One that waits for its line, or to be started, ends with its input.
    if (exit === undefined && carrying) this.#state = { kind: "leaving", ended: leave() };
    else exec.abort();
  }
}
