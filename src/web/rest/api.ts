/** The API under /api: finds the operation, checks how it is asked, and says what went wrong in its own words. */

import { errorFacts } from "#base/error-facts.ts";
import { type KtError, toKtError } from "#base/errors.ts";
import type { Clock } from "#base/clock.ts";
import type { ServerAnswer, ServerRequest } from "#http/server.ts";
import type { HubFacts } from "#web/facts/hub-facts.ts";
import { jsonAnswer, type Refusal, refusalAnswer } from "#web/guard/answers.ts";
import { webLimits } from "#web/limits.ts";
import { headerValue } from "#wire/http-head.ts";
import type { Endpoint } from "./endpoint.ts";
import { endpoints } from "./endpoints.ts";
import { type BeginEvents, eventStreamAnswer } from "./server-sent-events.ts";

export const documentPath = "/api/openapi.json";

export class Api {
  readonly #facts: HubFacts;
  readonly #clock: Clock;
  #streams = 0;

  constructor(facts: HubFacts, clock: Clock) {
    this.#facts = facts;
    this.#clock = clock;
  }

  async answer(request: ServerRequest): Promise<ServerAnswer> {
    const { path, head } = request;
    if (path === documentPath) return await this.#document(head.method);
    const found = find(request);
    if ("status" in found) return refusal(found);
    try {
      const outcome = await found.run(request, { facts: this.#facts, clock: this.#clock, request, events: (begin) => this.#stream(begin) });
      return "json" in outcome ? jsonAnswer(outcome.json) : outcome.answer;
    } catch (error) {
      return refusal(refusalOf(toKtError(error, "internal", "answer the request")));
    }
  }

  async #document(method: string): Promise<ServerAnswer> {
    if (method !== "GET" && method !== "HEAD") return refusal(wrongMethod(method, allowedBy("GET")));
    const { openApi } = await import("./openapi.ts");
    return jsonAnswer(openApi(this.#facts.hello.version));
  }

  #stream(begin: BeginEvents): ServerAnswer {
    if (this.#streams >= webLimits.eventStreams) {
      return refusal({ status: 503, code: "overloaded", message: `${this.#streams} clients read events already` });
    }
    return eventStreamAnswer(this.#clock, (stream) => {
      this.#streams += 1;
      const leave = begin(stream);
      return () => {
        this.#streams -= 1;
        leave();
      };
    });
  }
}

/** Programs ask, so it is always JSON. */
const refusal = (why: Refusal): ServerAnswer => refusalAnswer(why, "application/json");

function find(request: ServerRequest): Endpoint | Refusal {
  const { path, head, body } = request;
  const here = endpoints.filter((each) => each.path === path);
  if (here.length === 0) return unknownPath(path);
  const method = head.method === "HEAD" ? "GET" : head.method;
  const found = here.find((each) => each.method === method);
  if (!found) return wrongMethod(head.method, here.map((each) => allowedBy(each.method)).join(", "));
  if (found.method === "GET") return found;
  const type = headerValue(head.headers, "content-type") ?? "";
  if (!/^application\/json\s*(;|$)/i.test(type)) {
    return { status: 415, code: "request-invalid", message: "the body has to be JSON: Content-Type: application/json" };
  }
  if (body.length <= webLimits.requestBodyBytes) return found;
  return { status: 413, code: "request-too-large", message: `the body is longer than ${webLimits.requestBodyBytes / 1024} KiB` };
}

function unknownPath(path: string): Refusal {
  const [, version = ""] = /^\/api\/(v[0-9]{1,6})(\/|$)/.exec(path) ?? [];
  const isOther = version !== "" && version !== "v1";
  const message = isOther ? `the API has no version "${version}": it is "v1"` : `the API has no "${path}"`;
  return { status: 404, code: "page-unknown", message, hints: [`what there is: ${documentPath}`] };
}

const allowedBy = (method: Endpoint["method"]): string => (method === "GET" ? "GET, HEAD" : method);

function wrongMethod(method: string, allowed: string): Refusal {
  return { status: 405, code: "request-invalid", message: `${method} is not possible here: ${allowed}`, headers: [["Allow", allowed]] };
}

/** What the client can change is its own; what is wrong behind the hub is a bad gateway. */
function refusalOf({ code, message, hints }: KtError): Refusal {
  return { status: statusOf(code), code, message, hints };
}

function statusOf(code: KtError["code"]): Refusal["status"] {
  if (code === "route-unknown" || code === "profile-not-found") return 404;
  if (code === "profile-not-allowed") return 403;
  if (code === "hub-failed" || code === "route-conflict") return 409;
  if (errorFacts[code].about === "profile" || errorFacts[code].about === "command") return 400;
  return errorFacts[code].http === 431 ? 413 : errorFacts[code].http;
}
