/** What an edge says of itself at `:40600/status`, and an uplink on its stream of news: JSON of these shapes. */

import * as v from "valibot";
import { KtError, messageOf } from "#base/errors.ts";

const edgeStatus = v.object({
  /** Of the document that it follows. */
  hash: v.string(),
  startedAt: v.string(),
  bindings: v.array(
    v.object({
      id: v.string(),
      /** Of the settings that new connections get; an older one while no uplink serves what is wanted. */
      hash: v.string(),
      /** `Listening`: a connection would be served. */
      state: v.picklist(["Listening", "ListenFailed", "NoUplink", "CertificateFailed"]),
      message: v.string(),
    }),
  ),
  uplinks: v.array(
    v.object({
      ordinal: v.number(),
      isHealthy: v.boolean(),
      /** Empty where it is healthy. */
      problem: v.string(),
      /** In ISO 8601; empty before the first, and with TLS the time when it connected. */
      lastHandshake: v.string(),
    }),
  ),
});

export type EdgeStatus = v.InferOutput<typeof edgeStatus>;

/** Throws KtError `protocol`. */
export function parseEdgeStatus(text: string): EdgeStatus {
  return parsed(text, edgeStatus, "the edge's status");
}

const uplinkNews = v.object({
  /** The keys of the targets that it serves. */
  serves: v.array(v.string()),
  isDraining: v.boolean(),
});

export type UplinkNews = v.InferOutput<typeof uplinkNews>;

/** Throws KtError `protocol`. */
export function parseUplinkNews(text: string): UplinkNews {
  return parsed(text, uplinkNews, "an uplink's news");
}

function parsed<Schema extends v.GenericSchema>(text: string, schema: Schema, what: string): v.InferOutput<Schema> {
  try {
    return v.parse(schema, JSON.parse(text));
  } catch (error) {
    throw new KtError("protocol", `${what} cannot be read: ${messageOf(error)}`);
  }
}
