/** Asks the hub what its own clients ask over the control socket: its pages have no other truth than theirs. */

import type { Reply, ReplyOf, Request } from "#control/api.ts";
import type { ControlSession, RequestHandler } from "#control/server.ts";
import { KtError } from "#base/errors.ts";

/** A client of the hub that is one request over HTTP. */
export class HubSession implements ControlSession {
  readonly #goneCallbacks: (() => void)[] = [];
  readonly #drainedCallbacks = new Set<() => void>();
  readonly #isBehind: () => boolean;
  #isGone = false;

  constructor(isBehind: () => boolean = () => false) {
    this.#isBehind = isBehind;
  }

  notify(): void {}

  busy(): boolean {
    return this.#isBehind();
  }

  whenDrained(callback: () => void): () => void {
    this.#drainedCallbacks.add(callback);
    return () => this.#drainedCallbacks.delete(callback);
  }

  onGone(callback: () => void): void {
    if (this.#isGone) callback();
    else this.#goneCallbacks.push(callback);
  }

  end(): void {}

  drained(): void {
    for (const callback of this.#drainedCallbacks) callback();
  }

  gone(): void {
    this.#isGone = true;
    for (const callback of this.#goneCallbacks.splice(0)) callback();
  }
}

/** All replies to a request that has an end. Rejects with the hub's own error. */
async function repliesTo(handle: RequestHandler, request: Request, signal?: AbortSignal): Promise<Reply[]> {
  const session = new HubSession();
  const replies: Reply[] = [];
  const leave = (): void => session.gone();
  signal?.addEventListener("abort", leave, { once: true });
  try {
    await handle(request, session, (reply) => void replies.push(reply));
  } finally {
    signal?.removeEventListener("abort", leave);
    session.gone();
  }
  return replies;
}

/** The one reply of a type. */
export async function askHub<Type extends Reply["type"]>(
  handle: RequestHandler,
  request: Request,
  type: Type,
  signal?: AbortSignal,
): Promise<ReplyOf<Type>> {
  const reply = (await repliesTo(handle, request, signal)).find((each): each is ReplyOf<Type> => each.type === type);
  if (!reply) throw new KtError("internal", `internal error: the hub did not answer "${request.type}"`);
  return reply;
}

/** Every reply of a type. */
export async function listFromHub<Type extends Reply["type"]>(
  handle: RequestHandler,
  request: Request,
  type: Type,
  signal?: AbortSignal,
): Promise<ReplyOf<Type>[]> {
  return (await repliesTo(handle, request, signal)).filter((each): each is ReplyOf<Type> => each.type === type);
}
