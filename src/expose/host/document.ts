/** Reads the documents that the operator writes for an edge and for its uplinks. */

import * as v from "valibot";
import { KtError, messageOf } from "#base/errors.ts";
import { isRecord } from "#expose/schema/problem.ts";

/** Throws KtError `protocol` in one sentence. */
export function parseDocument<Schema extends v.GenericSchema>(
  text: string,
  schema: Schema,
  version: number,
  what: string,
): v.InferOutput<Schema> {
  const value = jsonOf(text, what);
  const found = isRecord(value) ? value["version"] : undefined;
  if (typeof found === "number" && found !== version) {
    throw new KtError("protocol", `${what} is of version ${found}, and this kt knows version ${version}`);
  }
  const { success, output, issues } = v.safeParse(schema, value);
  if (success) return output;
  const [issue] = issues;
  throw new KtError("protocol", `${what} is wrong at ${v.getDotPath(issue) ?? "its top"}: ${issue.message}`);
}

function jsonOf(text: string, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new KtError("protocol", `${what} is not JSON: ${messageOf(error)}`);
  }
}
