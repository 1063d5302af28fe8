/** Runs something under a signal that also aborts when its time is up. */

import type { Clock } from "#base/clock.ts";
import type { KtError } from "#base/errors.ts";

/** `late` makes the reason with which the inner signal aborts. */
export async function withDeadline<T>(
  clock: Clock,
  timeoutMs: number,
  outer: AbortSignal | undefined,
  late: () => KtError,
  run: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  const onAbort = (): void => controller.abort(outer?.reason);
  const cancel = clock.after(timeoutMs, () => controller.abort(late()));
  outer?.addEventListener("abort", onAbort, { once: true });
  if (outer?.aborted) onAbort();
  try {
    return await run(controller.signal);
  } finally {
    cancel();
    outer?.removeEventListener("abort", onAbort);
  }
}
