/** What `kt doctor` finds: one sentence per check, its verdict, and what to do about it. */

import { maskSecrets } from "#base/mask.ts";

/** In the order in which one would mend them. */
export const checks = [
  "profile",
  "kubeconfig",
  "credentials",
  "server",
  "clock",
  "login",
  "access",
  "routes",
  "proxies",
  "names",
  "dns",
  "ports",
  "addresses",
  "trust",
  "hub",
  "runtime",
] as const;

export type CheckName = (typeof checks)[number];

/** skipped: it cannot be known while something that it needs is broken. */
export type Verdict = "ok" | "warn" | "broken" | "skipped";

export interface Finding {
  readonly check: CheckName;
  /** The kubeconfig context that it is about. */
  readonly context?: string;
  readonly verdict: Verdict;
  readonly text: string;
  /** Commands to paste or sentences to act on, most useful first. */
  readonly fixes: readonly string[];
}

/** The findings of one check, perhaps of one context. */
export class Findings {
  readonly list: Finding[] = [];
  readonly #check: CheckName;
  readonly #context: string | undefined;

  constructor(check: CheckName, context?: string) {
    this.#check = check;
    this.#context = context;
  }

  ok(text: string): this {
    return this.#add("ok", text, []);
  }

  warn(text: string, fixes: readonly string[]): this {
    return this.#add("warn", text, fixes);
  }

  broken(text: string, fixes: readonly string[]): this {
    return this.#add("broken", text, fixes);
  }

  skipped(why: string): this {
    return this.#add("skipped", why, []);
  }

  #add(verdict: Verdict, text: string, fixes: readonly string[]): this {
    const context = this.#context === undefined ? {} : { context: this.#context };
    this.list.push({ check: this.#check, ...context, verdict, text: maskSecrets(text), fixes: fixes.map(maskSecrets) });
    return this;
  }
}
