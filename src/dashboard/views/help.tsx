/** The keys, in a window above the page. */

import { useEffect, useRef } from "preact/hooks";
import type { App } from "#dashboard/state/app.ts";

type Rows = readonly (readonly [keys: string, does: string])[];

const groups: readonly (readonly [title: string, rows: Rows])[] = [
  [
    "Everywhere",
    [
      ["1 – 5", "Routes, Requests, Events, Health, Explain"],
      ["/", "search"],
      ["Esc", "leave what is open, then what is searched for"],
      ["?", "this help"],
    ],
  ],
  [
    "Routes",
    [
      ["↑ ↓ j k", "move; also PgUp, PgDn, Home, End, g, G"],
      ["Enter", "look into the route"],
      ["s", "sort by the next: profile, state, name, traffic, connections"],
      ["r", "reconnect"],
      ["x", "stop, or start again"],
      ["y", "copy the address"],
      ["o", "open the page"],
      ["l", "log of its pods: of the one in trouble first"],
      ["h", "its HTTP requests"],
      ["e", "explain it"],
      ["L", "events"],
    ],
  ],
  [
    "Requests and logs",
    [
      ["p", "pause the list"],
      ["R", "send the request again"],
      ["w", "break long lines of a log"],
      ["r", "read a log again"],
    ],
  ],
];

export function Help({ app }: { readonly app: App }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  const close = (): void => app.set({ isHelpOpen: false });
  return (
    <dialog
      ref={dialog}
      class="keys"
      aria-label="Keys"
      onClose={close}
      onClick={({ target }) => void (target === dialog.current && dialog.current?.close())}
    >
      <header>
        <h2>Keys</h2>
        <button type="button" class="quiet" onClick={() => dialog.current?.close()}>
          Close <kbd aria-hidden="true">Esc</kbd>
        </button>
      </header>
      {groups.map(([title, rows]) => (
        <section key={title}>
          <h3>{title}</h3>
          <dl>
            {rows.map(([keys, does]) => [
              <dt key={`${keys} key`}>
                <kbd>{keys}</kbd>
              </dt>,
              <dd key={keys}>{does}</dd>,
            ])}
          </dl>
        </section>
      ))}
    </dialog>
  );
}
