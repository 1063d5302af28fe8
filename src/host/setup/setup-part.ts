/** What `kt setup` can set up, each by itself: names, dns, ports, addresses. */

import type { DnsWiring } from "#host/names/dns-wiring.ts";
import type { Direction, SetupStep } from "#host/steps/setup-step.ts";

/** What is asked, and what is known of the machine. */
export interface SetupRequest {
  readonly platform: string;
  readonly direction: Direction;
  /** Whose set-up it is. */
  readonly uid: number;
  /** The path of this kt, where it is a built one. */
  readonly program: string | undefined;
  /** Which domains kt shall be asked for, and where. */
  readonly dns: Pick<DnsWiring, "listen" | "domains">;
}

export type SetupPart =
  | { readonly kind: "steps"; readonly steps: readonly SetupStep[] /** What is so once they are made. */; readonly done: string }
  /** The machine has it as it is. */
  | { readonly kind: "needless"; readonly why: string }
  /** It cannot be had here. */
  | { readonly kind: "impossible"; readonly why: string; readonly hints: readonly string[] };
