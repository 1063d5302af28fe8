/** One tool: what agents read of it, what it takes and gives back, and how it runs. */

import * as v from "valibot";
import { KtError } from "#base/errors.ts";
import type { McpHost } from "./host.ts";

export interface ToolContext {
  readonly host: McpHost;
  /** Aborts when the agent no longer waits. */
  readonly signal: AbortSignal;
}

/** `read` changes nothing; `change` can be undone by its counterpart; `end` ends what others may use. */
export type ToolEffect = "read" | "change" | "end";

type InputSchema = v.StrictObjectSchema<v.ObjectEntries, undefined>;
type OutputSchema = v.ObjectSchema<v.ObjectEntries, undefined>;

export interface Tool {
  readonly name: string;
  readonly title: string;
  /** For agents: what it does, and when to use it. */
  readonly description: string;
  readonly effect: ToolEffect;
  readonly input: InputSchema;
  readonly output: OutputSchema;
  /** The input has been checked. Rejects with KtError. */
  readonly run: (input: unknown, context: ToolContext) => Promise<Readonly<Record<string, unknown>>>;
}

interface ToolDefinition<Input extends InputSchema, Output extends OutputSchema> extends Omit<Tool, "input" | "output" | "run"> {
  readonly input: Input;
  readonly output: Output;
  readonly answer: (input: v.InferOutput<Input>, context: ToolContext) => Promise<v.InferOutput<Output>>;
}

export function tool<const Input extends InputSchema, const Output extends OutputSchema>(definition: ToolDefinition<Input, Output>): Tool {
  const { answer, ...rest } = definition;
  return {
    ...rest,
    async run(input, context) {
      const parsed = v.safeParse(rest.input, input);
      if (!parsed.success) throw new KtError("request-invalid", `the arguments are not valid: ${v.summarize(parsed.issues)}`);
      return await answer(parsed.output, context);
    },
  };
}

export function countUpTo(most: number, usual: number, what: string) {
  return v.pipe(
    v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(most)), usual),
    v.description(`How many ${what} at most; default: ${usual}.`),
  );
}
