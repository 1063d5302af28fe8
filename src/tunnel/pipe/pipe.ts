/** One connection within a pod as a TargetConn drives it: a forwarded stream, or a process that runs socat or nc. */

import type { KtError } from "#base/errors.ts";

export interface Pipe {
  /** Bytes of ours are on their way or there. */
  readonly hasSent: boolean;
  /** Whether our end reaches the target as a half-close, and leaves the other half open. */
  readonly halfCloses: boolean;
  write(bytes: Uint8Array): boolean;
  end(): void;
  /** Gives it up; nothing more is reported. */
  abort(): void;
  /** Bytes that come from now on are held back. */
  pause(): void;
  resume(): void;
}

/** Whether the connection may be made again: a program that read what was written may act on it twice. */
export type Again = "always" | "if-nothing-sent" | "never";

/** Why a pipe failed, in words for users. */
export interface PipeFailure {
  readonly error: KtError;
  readonly again: Again;
}

/** Is notified of what happens to a pipe. */
export interface PipeListener {
  pipeData(bytes: Uint8Array): void;
  /** The target sent its last byte. */
  pipeEnded(): void;
  /** It failed or was lost, and is over. */
  pipeFailed(error: KtError, again: Again): void;
  /** Both halves are over in an orderly way. */
  pipeClosed(): void;
  pipeDrained(): void;
}
