/** Small parts that several views are made of. */

import type { ComponentChildren } from "preact";
import { printable } from "#base/printable.ts";
import type { Snapshot } from "#control/api.ts";
import { stateMarks } from "#tui/view/state-marks.ts";
import { copy } from "./copy.ts";

type Route = Snapshot["profiles"][number]["routes"][number];

/** A glyph and a word: neither needs a colour. */
export function StateMark({ state }: { readonly state: Route["state"] }) {
  const { glyph, tone } = stateMarks[state];
  return (
    <span class={`state ${tone}`}>
      <span class="glyph" aria-hidden="true">
        {glyph}
      </span>
      {state}
    </span>
  );
}

/** A command or an address to paste, with a button that copies it. */
export function Copyable({ text, onCopied }: { readonly text: string; readonly onCopied: (text: string) => void }) {
  return (
    <span class="copyable">
      <code>{printable(text)}</code>
      <button type="button" class="quiet" aria-label={`Copy ${printable(text)}`} onClick={() => void copy(text).then(() => onCopied(text))}>
        Copy
      </button>
    </span>
  );
}

interface ProblemProps {
  readonly code: string;
  readonly message: string;
  readonly hints: readonly string[];
  /** Milder where it is over. */
  readonly title: string;
  readonly onCopied: (text: string) => void;
}

/** What went wrong in words, and what helps. */
export function ProblemBox({ code, message, hints, title, onCopied }: ProblemProps) {
  return (
    <section class="problem" aria-label={title}>
      <h3>
        {title} <span class="code">{code}</span>
      </h3>
      <p>{printable(message)}</p>
      {hints.map((hint) => (
        <Copyable key={hint} text={hint} onCopied={onCopied} />
      ))}
    </section>
  );
}

export function Empty({ title, children }: { readonly title: string; readonly children?: ComponentChildren }) {
  return (
    <div class="empty">
      <h2>{title}</h2>
      {children}
    </div>
  );
}

interface SearchProps {
  readonly value: string;
  readonly label: string;
  readonly onInput: (text: string) => void;
}

/** The key "/" leads into it. */
export function Search({ value, label, onInput }: SearchProps) {
  return (
    <label class="search">
      <span class="hidden">{label}</span>
      <input
        type="search"
        id="search"
        placeholder={label}
        value={value}
        autocomplete="off"
        spellcheck={false}
        onInput={({ currentTarget }) => onInput(currentTarget.value)}
      />
      <kbd aria-hidden="true">/</kbd>
    </label>
  );
}

interface ChipsProps<Choice extends string> {
  readonly label: string;
  readonly all: readonly Choice[];
  readonly chosen: Choice;
  readonly textOf?: (choice: Choice) => string;
  readonly onChoose: (choice: Choice) => void;
}

/** One of a few. */
export function Chips<Choice extends string>({ label, all, chosen, textOf = (choice) => choice, onChoose }: ChipsProps<Choice>) {
  return (
    <div class="chips" role="group" aria-label={label}>
      {all.map((each) => (
        <button key={each} type="button" aria-pressed={each === chosen} onClick={() => onChoose(each)}>
          {textOf(each)}
        </button>
      ))}
    </div>
  );
}
