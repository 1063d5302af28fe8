/** One process in a jump host that carries one connection: socat or nc, perhaps started before it is needed. */

import type { Clock } from "#base/clock.ts";
import { KtError } from "#base/errors.ts";
import { sharedLimits } from "#base/limits.ts";
import { tunnelLimits } from "#tunnel/limits.ts";
import type { Exec, ExecHandler } from "#kube/objects/types.ts";
import { describeJumpEnd, type JumpExit, saysReset } from "./failure.ts";
import type { JumpAddress, JumpTool } from "./tool.ts";
import type { Pipe, PipeListener } from "#tunnel/pipe/pipe.ts";

export interface JumpProcessOptions {
  readonly exec: Exec;
  readonly pod: string;
  readonly address: JumpAddress;
  readonly tool: JumpTool;
  /** It runs in a shell that says its process id and waits for a line before it becomes the tool. */
  readonly inShell: boolean;
  readonly clock: Clock;
  /** Has the command, which runs on, brought to its end. Returns what to call when it has ended. */
  readonly leave: () => () => void;
  /** Once, when it carries nothing any more. `exit` is undefined when it was given up. */
  readonly onOver: (process: JumpProcess, exit: JumpExit | undefined) => void;
}

const endedWaiting = (pod: string): KtError => new KtError("connection-lost", `the jump host's process did not start in pod "${pod}"`);

const line = new TextEncoder().encode("\n");
const decoder = new TextDecoder();

export class JumpProcess implements Pipe, ExecHandler {
  readonly #options: JumpProcessOptions;
  readonly createdMs: number;
  #listener: PipeListener | undefined;
  /** Held back for a reader that pauses. */
  #held: Uint8Array[] = [];
  #paused = false;
  #stderr = "";
  #processId: string | undefined;
  /** It carries nothing any more, but its command runs on. */
  #left: (() => void) | undefined;
  #received = false;
  /** The target has ended its half, and the process goes on. */
  #endDue = false;
  #endTold = false;
  #exit: JumpExit | undefined;
  #over = false;
  #cancelTimer: (() => void) | undefined;
  #cancelConnecting: (() => void) | undefined;
  hasSent = false;

  constructor(options: JumpProcessOptions) {
    this.#options = options;
    this.createdMs = options.clock.now();
    if (options.inShell) options.exec.start(this);
  }

  get halfCloses(): boolean {
    return this.#options.tool.halfCloses && this.#options.exec.canEndStdin;
  }

  get inShell(): boolean {
    return this.#options.inShell;
  }

  /** It was given its connection. */
  get isOpened(): boolean {
    return this.#listener !== undefined;
  }

  /** In the container; undefined until the shell has said it, which may be after its connection has gone. */
  get processId(): string | undefined {
    return this.#processId;
  }

  /** Whether it may still be given a connection. */
  get isGood(): boolean {
    const { exec, inShell, clock } = this.#options;
    return !this.#over && exec.open && (inShell || clock.now() - this.createdMs < tunnelLimits.execWaitMs);
  }

  get heardMs(): number {
    return this.#options.exec.heardMs;
  }

  /** Connects. Once. */
  open(listener: PipeListener): Pipe {
    const { exec, inShell } = this.#options;
    this.#listener = listener;
    if (this.#over) {
      queueMicrotask(() => listener.pipeFailed(endedWaiting(this.#options.pod), "always"));
      return this;
    }
    if (inShell) exec.write(line);
    else exec.start(this);
    this.#boundConnecting();
    return this;
  }

  /** Called about every second. See Exec. */
  tick(nowMs: number, pathAlive: boolean): void {
    if (!this.#over) this.#options.exec.tick(nowMs, pathAlive);
  }

  ping(): void {
    if (!this.#over) this.#options.exec.ping();
  }

  write(bytes: Uint8Array): boolean {
    if (this.#over) return true;
    this.hasSent = true;
    return this.#options.exec.write(bytes);
  }

  end(): void {
    if (this.#over) return;
    if (this.halfCloses) this.#options.exec.end();
    // Nothing at the far end would ever hear of it: the connection ends as a whole.
    else this.#finish(undefined);
  }

  abort(): void {
    this.#leave(undefined);
  }

  pause(): void {
    this.#paused = true;
    this.#options.exec.pause();
  }

  resume(): void {
    if (!this.#paused || this.#over) return;
    this.#paused = false;
    while (this.#held.length > 0 && !this.#paused) this.#listener?.pipeData(this.#held.shift() as Uint8Array);
    if (this.#paused) return;
    this.#options.exec.resume();
    this.#settle();
  }

  onStdout(bytes: Uint8Array): void {
    if (this.#over) return;
    this.#received = true;
    if (this.#paused) this.#held.push(bytes);
    else this.#listener?.pipeData(bytes);
  }

  onStdoutEnd(): void {
    if (this.#over) return;
    // Most runtimes end the process now, which tells why. Where it goes on, the target has only ended its half.
    this.#cancelTimer?.();
    this.#cancelTimer = this.#options.clock.after(tunnelLimits.jumpExitMs, () => {
      if (saysReset(this.#stderr)) this.#exit ??= { kind: "exited", code: 1 };
      this.#endDue = true;
      this.#settle();
    });
  }

  onStderr(bytes: Uint8Array): void {
    if (this.#stderr.length < sharedLimits.errorTextBytes) this.#stderr += decoder.decode(bytes);
    if (this.#options.inShell && this.#processId === undefined) this.#takeProcessId();
    if (this.#options.tool.connectedSign?.test(this.#stderr)) this.#cancelConnecting?.();
  }

  #takeProcessId(): void {
    // Shells may complain first, as of a locale that is not there.
    const found = /^(\d+)\n/m.exec(this.#stderr);
    if (!found) return;
    this.#processId = found[1];
    this.#stderr = this.#stderr.slice(found.index + found[0].length);
  }

  onDrain(): void {
    this.#listener?.pipeDrained();
  }

  onExit(exit: JumpExit): void {
    this.#left?.();
    this.#exit = exit;
    if (this.#listener) this.#settle();
    else this.#leave(exit);
  }

  /** Passes on what could not be told while the reader paused. */
  #settle(): void {
    if (this.#over || this.#paused) return;
    if (this.#exit) this.#finish(this.#exit);
    else if (this.#endDue) this.#tellEnd();
  }

  #tellEnd(): void {
    if (this.#endTold) return;
    this.#endTold = true;
    this.#listener?.pipeEnded();
  }

  #finish(exit: JumpExit | undefined): void {
    const { pod, address } = this.#options;
    const listener = this.#listener;
    const failure = exit && describeJumpEnd({ pod, address, exit, stderr: this.#stderr, received: this.#received });
    if (!failure) this.#tellEnd();
    this.#leave(exit);
    if (failure) listener?.pipeFailed(failure.error, failure.again);
    else listener?.pipeClosed();
  }

  /** Where the program has no time limit of its own that would do. */
  #boundConnecting(): void {
    if (!this.#options.tool.connectedSign) return;
    this.#cancelConnecting = this.#options.clock.after(tunnelLimits.jumpConnectMs, () => {
      if (this.#received) return;
      this.onExit({ kind: "late" });
    });
  }

  #leave(exit: JumpExit | undefined): void {
    if (this.#over) return;
    this.#over = true;
    this.#held = [];
    this.#cancelTimer?.();
    this.#cancelConnecting?.();
    this.#options.onOver(this, exit);
    const { exec, leave } = this.#options;
    // One that waits for its line, or to be started, ends with its input.
    if (this.#exit === undefined && this.#listener) this.#left = leave();
    else exec.abort();
  }
}
