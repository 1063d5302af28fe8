/** The part of OpenAPI's schemas that CRDs are written in (apiextensions.k8s.io/v1, JSONSchemaProps). */

export interface OpenApi {
  readonly description?: string;
  readonly type?: "string" | "integer" | "boolean" | "object" | "array";
  readonly format?: string;
  readonly default?: unknown;
  readonly enum?: readonly (string | number)[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly pattern?: string;
  readonly maxItems?: number;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, OpenApi>>;
  readonly additionalProperties?: OpenApi;
  readonly items?: OpenApi;
  readonly anyOf?: readonly OpenApi[];
  readonly "x-kubernetes-validations"?: readonly { readonly rule: string; readonly message: string }[];
  readonly "x-kubernetes-list-type"?: "map" | "set";
  readonly "x-kubernetes-list-map-keys"?: readonly string[];
  readonly "x-kubernetes-int-or-string"?: true;
}

/** What the type alone does not say: once for the API server, in CEL, and once for kt. */
export interface Rule<Value> {
  readonly cel: string;
  readonly message: string;
  readonly holds: (value: Value) => boolean;
}
