/** What a key does where it means something, and how the help says so. Pure. */

import type { Key, KeyName } from "./keys.ts";
import type { Effect, Model, Step } from "./model.ts";

export type Press = KeyName | (string & {});

export interface Binding {
  readonly keys: readonly Press[];
  /** For the help; those without it are other names of what is there. */
  readonly help?: readonly [keys: string, does: string];
  /** In the line of keys, as far as it fits. */
  readonly hint?: readonly [key: string, does: string];
  readonly act: (model: Model) => Step;
}

export const unchanged = (model: Model): Step => ({ model, effects: [] });

export function change(next: (model: Model) => Model): Binding["act"] {
  return (model) => unchanged(next(model));
}

export function effect(wanted: Effect): Binding["act"] {
  return (model) => ({ model, effects: [wanted] });
}

/** What is pasted is not a command. */
export function pressOf(key: Key): Press | undefined {
  if ("name" in key) return key.name;
  return "typed" in key ? key.typed : undefined;
}

/** What they mean everywhere. */
export const everywhere: readonly Binding[] = [
  { keys: ["?"], help: ["?", "help"], hint: ["?", "help"], act: change((model) => ({ ...model, overlay: "help" })) },
  { keys: ["ctrl-z"], help: ["Ctrl-Z", "suspend: fg comes back"], act: effect({ type: "suspend" }) },
  { keys: ["ctrl-l"], help: ["Ctrl-L", "draw anew"], act: effect({ type: "redraw" }) },
];
