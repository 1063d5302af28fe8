/** One operation of the API: its name, what it takes and gives back, and how what a client sent is read. */

import * as v from "valibot";
import { KtError } from "#base/errors.ts";
import type { Clock } from "#base/clock.ts";
import type { ServerAnswer, ServerRequest } from "#http/server.ts";
import type { HubFacts } from "#web/facts/hub-facts.ts";
import type { BeginEvents } from "./server-sent-events.ts";

/** What an operation is given besides its input. */
export interface EndpointContext {
  readonly facts: HubFacts;
  readonly clock: Clock;
  readonly request: ServerRequest;
  /** An answer that goes on, or a refusal where there are too many. */
  readonly events: (begin: BeginEvents) => ServerAnswer;
}

type InputSchema = v.StrictObjectSchema<v.ObjectEntries, undefined>;

export interface Endpoint {
  /** POST for what changes something. */
  readonly method: "GET" | "POST";
  readonly path: string;
  /** One sentence, for the document. */
  readonly summary: string;
  /** Of a GET the query, of a POST the body. */
  readonly input: InputSchema;
  /** Of the JSON that it answers with; absent where it only has events. */
  readonly output?: v.GenericSchema;
  /** Of the data of its events, where it has them: by Accept, or without `output` always. */
  readonly events?: v.GenericSchema;
  readonly run: (request: ServerRequest, context: EndpointContext) => Promise<Outcome>;
}

/** JSON, or an answer of its own. */
export type Outcome = { readonly json: unknown } | { readonly answer: ServerAnswer };

interface EndpointDefinition<Input extends InputSchema> extends Omit<Endpoint, "input" | "run"> {
  readonly input: Input;
  /** Rejects with KtError. */
  readonly answer: (input: v.InferOutput<Input>, context: EndpointContext) => Promise<Outcome> | Outcome;
}

/** Its input is checked before it runs. */
export function endpoint<const Input extends InputSchema>({ answer, ...rest }: EndpointDefinition<Input>): Endpoint {
  return {
    ...rest,
    async run(request, context) {
      const raw = rest.method === "GET" ? fromQuery(request.query, rest.input) : fromBody(request.body);
      const parsed = v.safeParse(rest.input, raw);
      if (!parsed.success) throw new KtError("request-invalid", `the request is not valid: ${summaryOf(parsed.issues)}`);
      return await answer(parsed.output, context);
    },
  };
}

function summaryOf(issues: readonly v.BaseIssue<unknown>[]): string {
  return issues.map((issue) => `${v.getDotPath(issue) ?? "the whole"}: ${issue.message}`).join("; ");
}

/** All parts of a query are texts: those of numbers become numbers. */
function fromQuery(query: URLSearchParams, { entries }: InputSchema): Record<string, unknown> {
  return Object.fromEntries(
    [...query].map(([name, text]) => {
      const schema = Object.hasOwn(entries, name) ? entries[name] : undefined;
      return [name, schema && isNumeric(schema) && /^[0-9]{1,15}$/.test(text) ? Number(text) : text] as const;
    }),
  );
}

function isNumeric(schema: v.GenericSchema): boolean {
  if ("wrapped" in schema) return isNumeric(schema.wrapped as v.GenericSchema);
  if ("options" in schema) return (schema.options as readonly unknown[]).every((option) => typeof option === "number");
  return schema.type === "number";
}

/** An object: the schemas take a list for one without keys. */
function fromBody(body: Uint8Array): object {
  const value = parsed(body);
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
  throw new KtError("request-invalid", "the body of the request is not a JSON object");
}

function parsed(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch {
    throw new KtError("request-invalid", "the body of the request is not valid JSON");
  }
}
