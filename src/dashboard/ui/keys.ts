/** Keys of the page, as those of kt tui: one handler at a time has them, that of the view that was opened last. */

import { useEffect, useRef } from "preact/hooks";

/** By the name of the key (UI Events, KeyboardEvent.key). */
export type Keys = Readonly<Record<string, () => void>>;

const handlers: { current: Keys }[] = [];

/** Later ones come first, as what they belong to lies above. */
export function useKeys(keys: Keys): void {
  const own = useRef(keys);
  own.current = keys;
  useEffect(() => {
    handlers.push(own);
    return () => void handlers.splice(handlers.indexOf(own), 1);
  }, []);
}

export function listenToKeys(): void {
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || isTyping(event)) return;
    for (const { current } of handlers.toReversed()) {
      const act = Object.hasOwn(current, event.key) ? current[event.key] : undefined;
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
