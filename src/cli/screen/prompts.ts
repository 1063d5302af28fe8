/**
 * Questions in a terminal. An answered question is drawn over by the next one, which clack does by writing to the terminal itself:
 * that is why this file does so beside output.ts, and no other.
 */

import { printable, printableLines } from "#base/printable.ts";

/** One of several answers. */
export interface Choice<T> {
  readonly value: T;
  readonly label: string;
  /** Shown beside it while it is selected. */
  readonly hint?: string | undefined;
}

export interface TextQuestion {
  /** The initial text, which can be changed. */
  readonly initial?: string | undefined;
  readonly placeholder?: string | undefined;
  /** What is wrong with an answer; undefined for nothing. */
  readonly check: (answer: string) => string | undefined;
}

export interface FindQuestion<T> {
  /** What is selected at first. */
  readonly initial?: T | undefined;
  /** Makes a choice of what is typed, besides those that are listed; undefined of a text that is none. */
  readonly typed?: (text: string) => Choice<T> | undefined;
}

/** How questions are asked; tests answer them without a terminal. */
export interface Ask {
  choose<T>(message: string, choices: readonly Choice<T>[]): Promise<T>;
  /** One of what may be hundreds, by typing a part of it. */
  find<T>(message: string, choices: readonly Choice<T>[], question?: FindQuestion<T>): Promise<T>;
  /** Any number of them. */
  several<T>(message: string, choices: readonly Choice<T>[], begin: "all" | "none"): Promise<readonly T[]>;
  text(message: string, question: TextQuestion): Promise<string>;
  /** A no ends the dialogue; throws `Declined`. */
  confirm(message: string): Promise<void>;
  /** Says something between two questions. */
  tell(text: string, title: string): void;
  /** Says what is waited for, where that takes a while. */
  wait<T>(what: string, work: Promise<T>): Promise<T>;
}

/** Ctrl-C or Esc: the dialogue ends. It never leaves this file. */
class Left extends Error {}

/** "No" is an answer: the command has done what was asked, and succeeds. */
export class Declined extends Error {}

type Clack = typeof import("@clack/prompts");

const shownAtOnce = 10;
const patienceMs = 400;

class ClackAsk implements Ask {
  readonly #clack: Clack;

  constructor(clack: Clack) {
    this.#clack = clack;
  }

  async choose<T>(message: string, choices: readonly Choice<T>[]): Promise<T> {
    return this.#picked(choices, await this.#clack.select({ message, options: optionsOf(choices), maxItems: shownAtOnce }));
  }

  async find<T>(message: string, choices: readonly Choice<T>[], { initial, typed }: FindQuestion<T> = {}): Promise<T> {
    const start = choices.findIndex(({ value }) => value === initial);
    let shown = choices;
    const index = await this.#clack.autocomplete({
      message,
      options() {
        const own = typed?.(this.userInput.trim());
        shown = own === undefined ? choices : [...choices, own];
        return optionsOf(shown);
      },
      maxItems: shownAtOnce,
      initialValue: Math.max(start, 0),
      // Enter where nothing is left in the list.
      validate: (value) => (value === undefined ? "type less of it, or something else" : undefined),
      filter: (search, { label = "" }) => label.toLowerCase().includes(search.trim().toLowerCase()),
    });
    return this.#picked(shown, index);
  }

  async several<T>(message: string, choices: readonly Choice<T>[], begin: "all" | "none"): Promise<readonly T[]> {
    const initialValues = begin === "all" ? choices.map((_, index) => index) : [];
    const options = optionsOf(choices);
    const chosen = await this.#clack.multiselect({ message, options, initialValues, required: false, maxItems: shownAtOnce });
    const indices = this.#answer(chosen);
    return choices.filter((_, index) => indices.includes(index)).map(({ value }) => value);
  }

  async text(message: string, { initial = "", placeholder = "", check }: TextQuestion): Promise<string> {
    const validate = (answer: string | undefined): string | undefined => check((answer ?? "").trim());
    return this.#answer(await this.#clack.text({ message, initialValue: initial, placeholder, validate })).trim();
  }

  async confirm(message: string): Promise<void> {
    if (!this.#answer(await this.#clack.confirm({ message }))) throw new Declined();
  }

  tell(text: string, title: string): void {
    // Its box for such texts is torn where they are wider than the terminal.
    this.#clack.log.step([printable(title), ...printableLines(text)].join("\n"));
  }

  async wait<T>(what: string, work: Promise<T>): Promise<T> {
    const timer = setTimeout(() => this.#clack.log.message(what), patienceMs);
    try {
      return await work;
    } finally {
      clearTimeout(timer);
    }
  }

  #picked<T>(choices: readonly Choice<T>[], index: number | symbol): T {
    const chosen = choices[this.#answer(index)];
    if (chosen === undefined) throw new Left();
    return chosen.value;
  }

  #answer<T>(answer: T): Exclude<T, symbol> {
    if (this.#clack.isCancel(answer)) throw new Left();
    return answer as Exclude<T, symbol>;
  }
}

function optionsOf(choices: readonly Choice<unknown>[]): { value: number; label: string; hint?: string }[] {
  return choices.map(({ label, hint }, index) => ({
    value: index,
    label: printable(label),
    ...(hint === undefined ? {} : { hint: printable(hint) }),
  }));
}

/** Both ends of the conversation are a terminal that can be drawn on. */
export function canAsk(): boolean {
  return process.stdin.isTTY === true && process.stdout.isTTY === true && process.env["TERM"] !== "dumb";
}

/** Undefined when the user left it by Ctrl-C or Esc; `left` says what came of it. Throws `Declined` where the user said no at the end. */
export async function converse<T>(title: string, talk: (ask: Ask) => Promise<T>, left = "nothing was written"): Promise<T | undefined> {
  const clack = await import("@clack/prompts");
  clack.intro(title);
  try {
    return await talk(new ClackAsk(clack));
  } catch (error) {
    if (!(error instanceof Left || error instanceof Declined)) throw error;
    clack.cancel(left);
    if (error instanceof Declined) throw error;
    return undefined;
  }
}

/** A question whose default answer is "no". */
export async function agree(message: string): Promise<boolean> {
  const { confirm } = await import("@clack/prompts");
  return (await confirm({ message, initialValue: false })) === true;
}

/** An answer that is not shown while it is typed. Throws `Declined` where the user left. */
export async function askSecret(message: string): Promise<string> {
  const { password, isCancel } = await import("@clack/prompts");
  const answer = await password({ message });
  if (isCancel(answer)) throw new Declined();
  return answer;
}
