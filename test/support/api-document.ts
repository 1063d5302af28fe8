/** Holds answers of the API against its OpenAPI document. */

import Ajv2020 from "ajv/dist/2020.js";

type Json = Readonly<Record<string, unknown>>;

interface Operation {
  readonly responses: Readonly<
    Record<string, { readonly content?: Readonly<Record<string, { readonly schema: Json; readonly "x-data"?: Json }>> }>
  >;
}

export interface ApiDocument {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Json>> };
}

/** Why a value is not what the document says; empty where it is. No property that it does not name is taken. */
export class AnswerCheck {
  readonly #document: ApiDocument;

  constructor(document: ApiDocument) {
    this.#document = document;
  }

  json(method: string, path: string, status: number, value: unknown): string {
    const responses = this.#document.paths[path]?.[method]?.responses ?? {};
    const schema = (responses[status] ?? responses["default"])?.content?.["application/json"]?.schema;
    return schema ? this.#faults(schema, value) : `the document has no ${method} ${path}`;
  }

  event(path: string, value: unknown): string {
    const schema = this.#document.paths[path]?.["get"]?.responses["200"]?.content?.["text/event-stream"]?.["x-data"];
    return schema ? this.#faults(schema, value) : `the document has no events of ${path}`;
  }

  #faults(schema: Json, value: unknown): string {
    const ajv = new Ajv2020({ strict: false, allErrors: true });
    const validate = ajv.compile({ ...closed(schema), components: closed(this.#document.components as unknown as Json) });
    return validate(value) ? "" : ajv.errorsText(validate.errors);
  }
}

/** Objects with properties get no others, but where the schema says that they may. */
function closed(schema: Json): Json {
  return JSON.parse(JSON.stringify(schema), (_, value) => {
    const isObject = typeof value === "object" && value !== null && value.type === "object" && typeof value.properties === "object";
    return isObject && !("additionalProperties" in value) ? { ...value, additionalProperties: false } : value;
  });
}
