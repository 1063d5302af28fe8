/** What a command is: its words, its help, and the module that runs it, loaded only then. */

import { KtError } from "#base/errors.ts";
import type { BuildInfo } from "./build.ts";
import type { Output } from "#cli/screen/output.ts";

export interface CommandContext {
  readonly args: readonly string[];
  readonly options: Options;
  readonly output: Output;
  readonly build: BuildInfo;
  readonly table: CommandTable;
}

/** Every command, and the options of each of them. */
export interface CommandTable {
  readonly commands: readonly CommandSpec[];
  readonly globals: readonly (readonly [flags: string, description: string])[];
}

/** Resolves to the exit code; what it rejects with is shown as an error. */
export type RunCommand = (context: CommandContext) => Promise<number>;

/** In the order of the help. */
export const commandGroups = ["Profile", "Hub", "Use", "Trouble"] as const;

export interface CommandSpec {
  /** One word, or two: those of a family share the first, as `edge plan` and `edge manifests`. */
  readonly name: string;
  /** Names that users of other tools type. */
  readonly aliases?: readonly string[];
  /** Where the help lists it; without one it is only named there. */
  readonly group?: (typeof commandGroups)[number];
  /**
   * Positional arguments as the help writes them: `[ROUTE]`, `<HOST|PORT>`. Completions go by these words, too: capitals are
   * a kind (`ROUTE`), small letters are typed as they are (`bash|zsh|fish`).
   */
  readonly args: string;
  readonly summary: string;
  /** Lines that the help of the command says besides. */
  readonly notes?: readonly string[];
  /** Flags as cac reads them (`-f, --file <file>`) and what they do. A value's name says how it is completed, as in `args`. */
  readonly options: readonly (readonly [flags: string, description: string])[];
  /** Flags of the tool whose command lines it takes that change nothing here: accepted silently, and not in the help. */
  readonly unused?: readonly string[];
  readonly example: readonly string[];
  /** Everything from the first argument on belongs to another program, options too. */
  readonly passesOn?: boolean;
  /** LOG_FORMAT and LOG_LEVEL say how it logs, where flags do not: as of the program whose place it takes. */
  readonly logsByEnvironment?: boolean;
  /** Not in the help. */
  readonly hidden?: boolean;
  readonly load: () => Promise<RunCommand>;
}

/** The options of one call, read by name and type. */
export class Options {
  readonly #values: Readonly<Record<string, unknown>>;

  constructor(values: Readonly<Record<string, unknown>>) {
    this.#values = values;
  }

  flag(name: string): boolean {
    return this.#values[name] === true || this.#values[name] === "true";
  }

  /** Whether a switch that takes something away was given: `names` for `--no-names`. */
  isOff(name: string): boolean {
    return this.#values[name] === false;
  }

  text(name: string): string | undefined {
    const all = this.texts(name);
    if (all.length > 1) throw new KtError("usage", `--${name} was given ${all.length} times`, { hints: ["give it once"] });
    return all[0];
  }

  texts(name: string): string[] {
    const value = this.#values[name];
    return value === undefined ? [] : [value].flat().map(String);
  }
}
