/** Keys of the page, as those of kt tui: what lies above has them first, and what it does not know falls to what is below. */

import { useLayoutEffect, useRef } from "preact/hooks";

/** By the name of the key (UI Events, KeyboardEvent.key). */
export type Keys = Readonly<Record<string, () => void>>;

/** From below. */
const layers = ["page", "view", "detail"] as const;

interface Handler {
  readonly layer: number;
  keys: Keys;
}

const handlers = new Set<Handler>();

/** Before the next key can come: what is seen has its keys at once. */
export function useKeys(layer: (typeof layers)[number], keys: Keys): void {
  const own = useRef<Handler>({ layer: layers.indexOf(layer), keys });
  own.current.keys = keys;
  useLayoutEffect(() => {
    handlers.add(own.current);
    return () => void handlers.delete(own.current);
  }, []);
}

export function listenToKeys(): void {
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || isTyping(event)) return;
    for (const { keys } of [...handlers].sort((one, other) => other.layer - one.layer)) {
      const act = Object.hasOwn(keys, event.key) ? keys[event.key] : undefined;
      if (!act) continue;
      event.preventDefault();
      act();
      return;
    }
  });
}

/** Fields take what is typed, and buttons and links what presses them; Escape leaves the field. */
function isTyping({ key, target }: KeyboardEvent): boolean {
  if (!(target instanceof HTMLElement)) return false;
  const isField = target.matches("input:not([type=checkbox]), textarea, select");
  if (isField && key === "Escape") {
    target.blur();
    return false;
  }
  return isField || (target.matches("a, button, summary, input") && (key === "Enter" || key === " "));
}
