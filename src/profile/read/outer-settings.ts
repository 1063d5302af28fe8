/** Settings that are said outside of the profile's files, as the topmost layer: KT_ variables of the environment, and --set over them. */

import { nearest } from "#base/nearest.ts";
import type { ProfileSchema, ProfileTable } from "#profile/schema/schema.ts";
import { checkShape } from "#profile/schema/shape.ts";
import { allowedText } from "#profile/sections/tunable.ts";
import { type TuningKey, tuning } from "#profile/sections/tuning.ts";
import { type KtError, toKtError } from "#base/errors.ts";
import type { KeyPath } from "#profile/toml/positions.ts";
import type { ProblemOptions, ProfileSource } from "#profile/values/placed.ts";
import type { Position, ProfileProblem } from "#profile/values/problems.ts";
import { setVariable } from "#profile/values/set-variable.ts";
import type { Environment } from "#profile/values/variables.ts";

interface Said {
  /** What says it: `KT_HEALTH_INTERVAL`, or `--set health.interval`. */
  readonly place: string;
  readonly text: string;
  readonly key: TuningKey;
}

/** Kubernetes gives each container variables with the addresses of services: those of one called `kt-health` begin with KT_HEALTH_. */
const ofServices = /_(?:SERVICE_HOST|SERVICE_PORT(?:_.*)?|PORT(?:_\d+_(?:TCP|UDP|SCTP)(?:_.*)?)?)$/;

const sections = [...new Set(tuning.filter(({ path }) => path.length > 1).map(({ path }) => `KT_${path[0]?.toUpperCase()}_`))];

export class OuterSettings implements ProfileSource {
  readonly file = "";
  readonly directory = "/";
  readonly isShipped = false;
  readonly table: ProfileTable;
  readonly #said = new Map<string, Said>();
  readonly #problems: ProfileProblem[];

  constructor(environment: Environment, problems: ProfileProblem[], schema: ProfileSchema) {
    this.#problems = problems;
    this.#readVariables(environment);
    this.#readSet(environment[setVariable] ?? "");
    const checked = checkShape(tableOf([...this.#said.values()]), schema);
    for (const { path, message, hint } of checked.problems) this.problem(path, message, { hint });
    this.table = checked.table;
  }

  key(path: KeyPath): Position {
    return at(this.#said.get(path.join("."))?.place ?? path.join("."));
  }

  value(path: KeyPath): Position {
    return this.key(path);
  }

  textAt(path: KeyPath): string {
    return this.#said.get(path.join("."))?.text ?? "";
  }

  problem(path: KeyPath, message: string, { code = "profile-invalid", hint }: ProblemOptions = {}): void {
    const key = this.#said.get(path.join("."))?.key;
    this.#problems.push({ ...this.key(path), code, message, hint: hint ?? (key && allowedText(key.tunable)) });
  }

  attempt<T>(path: KeyPath, _at: "key" | "value", work: () => T): T | undefined {
    try {
      return work();
    } catch (thrown) {
      const error: KtError = toKtError(thrown, "internal", "reading a setting");
      this.problem(path, error.message, { code: error.code, hint: error.hints[0] });
      return undefined;
    }
  }

  /** An empty variable counts as absent: so shells and containers clear one. */
  #readVariables(environment: Environment): void {
    for (const [name, text] of Object.entries(environment)) {
      if (text === undefined || text === "" || name === setVariable) continue;
      const key = tuning.find(({ variable }) => variable === name);
      if (key) this.#said.set(key.key, { place: name, text, key });
      else if (sections.some((start) => name.startsWith(start)) && !ofServices.test(name)) this.#unknownVariable(name);
    }
  }

  #unknownVariable(name: string): void {
    const names = tuning.map(({ variable }) => variable);
    const near = nearest(name, names);
    const alike = names.filter((known) => known.startsWith(sections.find((start) => name.startsWith(start)) ?? "KT_"));
    this.#refuse(name, "there is no such setting", near === undefined ? `known here: ${alike.join(", ")}` : `did you mean ${near}?`);
  }

  #readSet(text: string): void {
    for (const word of text.split(/\s+/).filter((each) => each !== "")) {
      const [, name = word, value = ""] = /^([^=]*)=(.*)$/.exec(word) ?? [];
      const key = tuning.find((each) => each.key === name);
      const place = `--set ${name}`;
      if (!word.includes("=")) this.#refuse(place, "it is not KEY=VALUE", "for example --set health.interval=10s");
      else if (key) this.#said.set(key.key, { place, text: value, key });
      else this.#unknownKey(place, name);
    }
  }

  #unknownKey(place: string, name: string): void {
    const near = nearest(
      name,
      tuning.map(({ key }) => key),
    );
    const hint = near === undefined ? `known are ${tuning.map(({ key }) => key).join(", ")}` : `did you mean ${near}?`;
    this.#refuse(place, `"${name}" is not a setting that --set knows`, hint);
  }

  #refuse(place: string, message: string, hint: string): void {
    this.#problems.push({ ...at(place), code: "profile-invalid", message, hint });
  }
}

function at(file: string): Position {
  return { file, line: 0, column: 0 };
}

/** As a file would have it. */
function tableOf(said: readonly Said[]): Readonly<Record<string, unknown>> {
  const table: Record<string, unknown> = {};
  for (const { key, text } of said) {
    const [first = "", second] = key.path;
    if (second === undefined) table[first] = written(key, text);
    else table[first] = { ...(table[first] as object | undefined), [second]: written(key, text) };
  }
  return table;
}

/** What is not of its kind stays a text, which the schema refuses in the words that it has for files. */
function written({ tunable }: TuningKey, text: string): string | number | boolean {
  if (tunable.kind === "switch" && /^(?:true|false)$/.test(text)) return text === "true";
  return tunable.kind === "count" && /^-?\d+(?:\.\d+)?$/.test(text) ? Number(text) : text;
}
