/** The operation that sends a request again. */

import * as v from "valibot";
import { replayedSchema, replayInput } from "#control/api.ts";
import { endpoint } from "./endpoint.ts";
import { askHub } from "./hub-session.ts";

export const replay = endpoint({
  method: "POST",
  path: "/api/v1/replay",
  summary:
    "Sends a request to a route through the front door, as a client of this machine would, and answers with what came back. Methods other than GET, HEAD and OPTIONS need `confirmed`.",
  input: v.strictObject(replayInput),
  output: replayedSchema,
  answer: async (input, { facts }) => ({ json: (await askHub(facts.handle, { type: "replay", ...input }, "replayed")).response }),
});
