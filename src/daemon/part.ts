/** A part of the hub: something that follows what is attached. */

import type { Problem } from "#observe/events.ts";
import type { AttachedProfile } from "#daemon/plans/profiles.ts";

/** The hub has a list of them: applied in its order, ended in reverse. A part implements what it needs. */
export interface Part {
  /** The attached profiles, at each change of them. What takes time is left to `settle`. */
  apply?(attached: readonly AttachedProfile[]): void;
  /** Carries out what `apply` left, and resolves when what is wrong is known. Called soon after it, and before a client is answered. */
  settle?(): Promise<void>;
  /** What is wrong with it that no route shows. */
  status?(): PartProblem | undefined;
  /** When the hub ends: gives up what two hubs cannot both have. Open connections go on. */
  release?(): void | Promise<void>;
  /** At the very end, when no connection is open. */
  close?(): void | Promise<void>;
}

export type PartProblem = Problem & { readonly sinceMs: number };
