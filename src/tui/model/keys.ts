/** Keys of a terminal: the bytes that it sends, to what was pressed or pasted (ECMA-48 §5.4, xterm's control sequences). */

import { tuiLimits } from "#tui/limits.ts";

const names = [
  "up",
  "down",
  "left",
  "right",
  "home",
  "end",
  "page-up",
  "page-down",
  "insert",
  "delete",
  "backspace",
  "enter",
  "tab",
  "back-tab",
  "escape",
  "ctrl-c",
  "ctrl-d",
  "ctrl-l",
  "ctrl-u",
  "ctrl-z",
] as const;

export type KeyName = (typeof names)[number];

/** `typed`: one character; `pasted`: any number of them, none of which was meant as a command. */
export type Key = { readonly name: KeyName } | { readonly typed: string } | { readonly pasted: string };

const named = (name: KeyName): Key => ({ name });

const controls: Readonly<Record<string, KeyName>> = {
  "\u0003": "ctrl-c",
  "\u0004": "ctrl-d",
  "\u0008": "backspace",
  "\t": "tab",
  "\n": "enter",
  "\u000c": "ctrl-l",
  "\r": "enter",
  "\u0015": "ctrl-u",
  "\u001a": "ctrl-z",
  "\u007f": "backspace",
};

/** By their last byte, after CSI or SS3. */
const finals: Readonly<Record<string, KeyName>> = {
  A: "up",
  B: "down",
  C: "right",
  D: "left",
  F: "end",
  H: "home",
  Z: "back-tab",
};

/** By the number before the tilde. */
const numbered: Readonly<Record<string, KeyName>> = {
  1: "home",
  2: "insert",
  3: "delete",
  4: "end",
  5: "page-up",
  6: "page-down",
  7: "home",
  8: "end",
};

const esc = "\u001b";
const pasteEnd = `${esc}[201~`;
/** What a sequence may be while more of it is to come: ESC, CSI or SS3, parameters and intermediates. */
const unfinished = /^\u001b(?:[[O][\x20-\x3f]*)?$/;
/** A whole one. */
const sequence = /^\u001b[[O]([\x20-\x3f]*)([\x40-\x7e])/;

export class KeyDecoder {
  readonly #decoder = new TextDecoder();
  #pending = "";
  #pasted: string | undefined;

  /** A sequence has begun, or Escape was pressed: `flush` takes it for the latter. */
  get isWaiting(): boolean {
    return this.#pending !== "" && this.#pasted === undefined;
  }

  push(bytes: Uint8Array): Key[] {
    this.#pending += this.#decoder.decode(bytes, { stream: true });
    const keys: Key[] = [];
    for (let rest = -1; this.#pending !== "" && rest !== this.#pending.length; ) {
      rest = this.#pending.length;
      const key = this.#pasted === undefined ? this.#next() : this.#paste(this.#pasted);
      if (key) keys.push(key);
    }
    return keys;
  }

  /** Nothing more has come. */
  flush(): Key[] {
    if (!this.isWaiting) return [];
    const isEscape = this.#pending === esc;
    this.#pending = "";
    return isEscape ? [named("escape")] : [];
  }

  /** Takes at least one character of what is pending, unless it waits for more. */
  #next(): Key | undefined {
    const text = this.#pending;
    if (text.startsWith(esc)) return this.#sequence(text);
    const [character = ""] = text;
    this.#pending = text.slice(character.length);
    const control = controls[character];
    if (control !== undefined) return named(control);
    return /^\p{Cc}/u.test(character) ? undefined : { typed: character };
  }

  #sequence(text: string): Key | undefined {
    // What follows Escape at once comes as a key with Alt does, and no key here has Alt.
    if (text.length > 1 && !/^[[O]/.test(text.slice(1))) return this.#took(1, named("escape"));
    const match = sequence.exec(text);
    if (match === null) {
      if (text.length > tuiLimits.keySequenceBytes || !unfinished.test(text)) this.#pending = text.slice(1);
      return undefined;
    }
    const [whole, parameters = "", final = ""] = match;
    if (final === "~" && parameters === "200") {
      this.#pasted = "";
      return this.#took(whole.length, undefined);
    }
    const name = final === "~" ? numbered[parameters.split(";")[0] ?? ""] : finals[final];
    return this.#took(whole.length, name && named(name));
  }

  #took(length: number, key: Key | undefined): Key | undefined {
    this.#pending = this.#pending.slice(length);
    return key;
  }

  /** What is between the brackets of a paste; its end may come in pieces. */
  #paste(before: string): Key | undefined {
    const end = this.#pending.indexOf(pasteEnd);
    const kept = end < 0 ? this.#pending.length - beginning(this.#pending) : end;
    this.#pasted = `${before}${this.#pending.slice(0, kept)}`.slice(0, tuiLimits.pastedBytes);
    this.#pending = this.#pending.slice(end < 0 ? kept : end + pasteEnd.length);
    if (end < 0) return undefined;
    const pasted = this.#pasted;
    this.#pasted = undefined;
    return { pasted };
  }
}

/** How much of its end may be the beginning of a paste's end. */
function beginning(text: string): number {
  for (let length = Math.min(pasteEnd.length - 1, text.length); length > 0; length--)
    if (pasteEnd.startsWith(text.slice(-length))) return length;
  return 0;
}
