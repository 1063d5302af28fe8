/** Fills `${VAR}` and `${VAR:-default}` from an environment that is passed in. */

import { nearest } from "#base/nearest.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

export interface VariableProblem {
  readonly code: "profile-variable" | "profile-invalid";
  /** As written, to find the place. */
  readonly reference: string;
  readonly message: string;
  readonly hint: string;
}

/** What `kt run` and `kt env` fill in later. */
const ofRoutes = /^(tcp|routes)\./;

/** An empty variable counts as missing where there is a default, as in a shell. */
function valueFor(reference: string, inside: string, environment: Environment): string | VariableProblem {
  const match = /^([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?$/s.exec(inside);
  if (!match || !reference.endsWith("}")) {
    return { code: "profile-invalid", reference, message: `"${reference}" is no variable`, hint: "write ${NAME} or ${NAME:-default}" };
  }
  const [, name = "", fallback] = match;
  const value = environment[name];
  if (fallback !== undefined) return value === undefined || value === "" ? fallback : value;
  if (value !== undefined) return value;
  const near = nearest(name, Object.keys(environment));
  const hint = `export ${name}=…, or write \${${name}:-default}${near === undefined ? "" : `; did you mean "\${${near}}"?`}`;
  return { code: "profile-variable", reference, message: `the environment has no ${name}`, hint };
}

/** The text with its variables filled, and what was wrong with those that could not be. `keepRoutes` leaves `${tcp.…}` and `${routes.…}`. */
export function fillVariables(text: string, environment: Environment, keepRoutes: boolean): { text: string; problems: VariableProblem[] } {
  const problems: VariableProblem[] = [];
  const filled = text.replaceAll(/\$\{([^}]*)\}?/g, (reference, inside: string) => {
    if (keepRoutes && ofRoutes.test(inside) && reference.endsWith("}")) return reference;
    const value = valueFor(reference, inside, environment);
    if (typeof value === "string") return value;
    problems.push(value);
    return reference;
  });
  return { text: filled, problems };
}
