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
const ofRoutes = /^(tcp|udp|routes|forward)\./;

interface Value {
  readonly value: string;
  /** The variable that it comes from; undefined of a default. */
  readonly name: string | undefined;
}

/** An empty variable counts as missing where there is a default, as in a shell. */
function valueFor(reference: string, inside: string, environment: Environment): Value | VariableProblem {
  const match = /^([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?$/s.exec(inside);
  if (!match || !reference.endsWith("}")) {
    return {
      code: "profile-invalid",
      reference,
      message: `"${reference}" is not a valid variable`,
      hint: "write ${NAME} or ${NAME:-default}",
    };
  }
  const [, name = "", fallback] = match;
  const value = environment[name];
  if (fallback !== undefined && (value === undefined || value === "")) return { value: fallback, name: undefined };
  if (value !== undefined) return { value, name };
  const near = nearest(name, Object.keys(environment));
  const hint = `export ${name}=…, or write \${${name}:-default}${near === undefined ? "" : `; did you mean "\${${near}}"?`}`;
  return { code: "profile-variable", reference, message: `the environment has no ${name}`, hint };
}

/** Texts of [env] keep what `kt run` and `kt env` fill in, and so the doubled dollars beside it: what is filled in here is doubled too. */
const doubled = (text: string): string => text.replaceAll("$", "$$$$");
const undoubled = (text: string): string => text.replaceAll("$$", "$$");

export interface Filled {
  readonly text: string;
  readonly problems: readonly VariableProblem[];
  /** Variables whose values stand in the text now. */
  readonly used: readonly string[];
}

/**
 * The text with its variables filled, `$$` as a dollar, and what was wrong with variables that could not be filled. `keepRoutes`
 * leaves `${tcp.…}`, `${udp.…}`, `${routes.…}`, `${forward.…}` and `$$` for `fillReferences`.
 */
export function fillVariables(text: string, environment: Environment, keepRoutes: boolean): Filled {
  const problems: VariableProblem[] = [];
  const used: string[] = [];
  const filled = text.replaceAll(/\$\$|\$\{([^}]*)\}?/g, (reference, inside?: string) => {
    if (inside === undefined) return keepRoutes ? reference : "$";
    if (keepRoutes && ofRoutes.test(inside) && reference.endsWith("}")) return reference;
    const found = valueFor(reference, inside, environment);
    if ("message" in found) {
      problems.push(found);
      return reference;
    }
    if (found.name === undefined) return keepRoutes ? found.value : undoubled(found.value);
    used.push(found.name);
    return keepRoutes ? doubled(found.value) : found.value;
  });
  return { text: filled, problems, used };
}
