/** Who may see the hub's own pages: programs that know its token, and browsers that were signed in with a code. */

import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import type { Clock } from "#base/clock.ts";
import { webLimits } from "#web/limits.ts";

export type Credential = "token" | "session";

export class Access {
  readonly #token: Uint8Array;
  readonly #clock: Clock;
  /** Codes that wait, with the time until which they are good. The oldest is first, as among the sessions. */
  readonly #codes = new Map<string, number>();
  readonly #sessions = new Set<string>();

  constructor(token: string, clock: Clock) {
    this.#token = digest(token);
    this.#clock = clock;
  }

  /** A code that is good for one sign-in, for a while. */
  offer(): string {
    const code = secret();
    this.#codes.set(code, this.#clock.now() + webLimits.signInMs);
    if (this.#codes.size > webLimits.signIns) forgetOldest(this.#codes);
    return code;
  }

  /** The session that the code is exchanged for; undefined for one that is not good, or not any more. */
  signIn(code: string): string | undefined {
    const untilMs = this.#codes.get(code);
    this.#codes.delete(code);
    if (untilMs === undefined || untilMs < this.#clock.now()) return undefined;
    const session = secret();
    this.#sessions.add(session);
    if (this.#sessions.size > webLimits.sessions) forgetOldest(this.#sessions);
    return session;
  }

  isToken(text: string): boolean {
    return timingSafeEqual(digest(text), this.#token);
  }

  isSession(text: string): boolean {
    return this.#sessions.has(text);
  }
}

/** 256 bits, in characters that need no quotes anywhere. */
function secret(): string {
  return randomBytes(32).toString("base64url");
}

/** Texts of any length become bytes of one length, and how long they compare says nothing of them. */
function digest(text: string): Uint8Array {
  return createHash("sha256").update(text).digest();
}

function forgetOldest(kept: Map<string, number> | Set<string>): void {
  const [oldest] = kept.keys();
  if (oldest !== undefined) kept.delete(oldest);
}
