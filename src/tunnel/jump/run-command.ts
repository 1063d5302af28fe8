/** Runs a short command in a container to its end, and collects its output. */

import type { Clock } from "#base/clock.ts";
import { ErrorText } from "#base/error-text.ts";
import { KtError } from "#base/errors.ts";
import { sharedLimits } from "#base/limits.ts";
import type { Cluster, ExecExit } from "#kube/objects/types.ts";
import type { ExecCommand } from "#wire/exec.ts";

/** A pod, as one cluster knows it. */
export interface JumpPlace {
  readonly cluster: Cluster;
  readonly namespace: string;
  readonly pod: string;
}

export interface Said {
  /** Of stdout and stderr. */
  readonly text: string;
  readonly exit: ExecExit;
  /** The one it ran in; undefined where there is only one. */
  readonly container: string | undefined;
}

/** Gives it no input. Rejects as `Cluster.exec` does. */
export async function runCommand({ cluster, namespace, pod }: JumpPlace, command: ExecCommand, clock: Clock): Promise<Said> {
  const { exec, container } = await cluster.exec(namespace, pod, command, new AbortController().signal);
  return await new Promise((resolve) => {
    const said = new ErrorText();
    const add = (bytes: Uint8Array): void => said.add(bytes);
    const finish = (exit: ExecExit): void => {
      cancel();
      resolve({ text: said.text, exit, container });
    };
    const cancel = clock.after(sharedLimits.apiRequestTimeoutMs, () => {
      exec.abort();
      const what = `pod "${pod}" does not run "${command.command.join(" ")}" to its end`;
      finish({ kind: "lost", error: new KtError("connection-lost", what) });
    });
    exec.start({ onStdout: add, onStdoutEnd() {}, onStderr: add, onDrain() {}, onExit: finish });
    exec.end();
  });
}
