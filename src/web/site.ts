/** The hub's own pages: one server behind one guard, whatever a client speaks on the way to it. */

import type { Conn } from "#base/conn.ts";
import type { Clock } from "#base/clock.ts";
import { type RequestHandler, type ServerAnswer, type ServerRequest, serveHttp } from "#http/server.ts";
import { headerValue } from "#wire/http-head.ts";
import { metricsContentTypes, metricsFormatOf, type MetricsFormat } from "#wire/openmetrics.ts";
import { Access } from "#web/guard/access.ts";
import { jsonAnswer, type Refusal, refusalAnswer, textAnswer } from "#web/guard/answers.ts";
import { admit, scraperRefusal, sessionCookie } from "#web/guard/guard.ts";
import { healthMetrics, healthStatus, healthWord } from "#web/facts/health.ts";
import type { HubFacts } from "#web/facts/hub-facts.ts";
import { pacContentType, proxyPac } from "#web/facts/proxy-pac.ts";
import { Api, documentPath } from "#web/rest/api.ts";
import { mcpPath, McpPage } from "#web/mcp/mcp-page.ts";
import { metricsText } from "#web/metrics/metrics-text.ts";

export interface SiteOptions {
  readonly facts: HubFacts;
  /** The hub's own name. */
  readonly host: string;
  readonly token: string;
  readonly clock: Clock;
}

type Page = (request: ServerRequest) => ServerAnswer | Promise<ServerAnswer>;

export class Site {
  readonly #options: SiteOptions;
  readonly #access: Access;
  readonly #api: Api;
  readonly #mcp: McpPage;
  readonly #pages: ReadonlyMap<string, Page>;

  constructor(options: SiteOptions) {
    this.#options = options;
    this.#access = new Access(options.token, options.clock);
    const { facts, clock } = options;
    this.#api = new Api(facts, clock);
    this.#mcp = new McpPage(facts);
    this.#pages = new Map<string, Page>([
      ["/metrics", ({ head }) => metrics(facts, headerValue(head.headers, "accept"))],
      ["/health", () => health(facts)],
      ["/health/status", () => jsonAnswer(healthStatus(facts.snapshot()))],
      ["/health/metrics", () => jsonAnswer(healthMetrics(facts.snapshot()))],
      [signInPath, ({ query }) => signIn(this.#access, query.get("code") ?? "")],
      [dashboardPath, toDashboard],
      [pacPath, () => pac(facts)],
    ]);
  }

  /** For one browser of the hub's user, for a while. */
  signInCode(): string {
    return this.#access.offer();
  }

  metrics(format: MetricsFormat): string {
    return metricsText(this.#options.facts, format);
  }

  /** Serves one connection, which it owns. */
  serve(conn: Conn): void {
    serveHttp(conn, this.#answer);
  }

  /** The same for one that comes to the metrics' own address, where there is nothing else, and no token. */
  serveMetrics(conn: Conn): void {
    serveHttp(conn, this.#scrape);
  }

  readonly #scrape: RequestHandler = ({ head, path }) => {
    const accept = headerValue(head.headers, "accept");
    const other: Refusal = { status: 404, code: "page-unknown", message: `there is no "${path}" here`, hints: ["/metrics"] };
    const refusal =
      scraperRefusal(head) ??
      (path === "/metrics" ? undefined : other) ??
      (isRead(head.method) ? undefined : wrongMethod(head.method, ["GET", "HEAD"]));
    return refusal ? refusalAnswer(refusal, accept) : metrics(this.#options.facts, accept);
  };

  readonly #answer: RequestHandler = (request) => {
    const { head, path } = request;
    const { facts, host } = this.#options;
    const admission = admit(head, isOpen(path), { access: this.#access, host, tokenFile: facts.tokenFile });
    const accept = headerValue(head.headers, "accept");
    const isForPrograms = path === mcpPath || path === "/api" || path.startsWith("/api/");
    if (admission.kind === "refused") return refusalAnswer(admission.refusal, isForPrograms ? "application/json" : accept);
    if (isForPrograms && path !== mcpPath) return this.#api.answer(request);
    if (path === mcpPath) return this.#mcp.answer(request);
    const page = this.#pages.get(path) ?? (isOfDashboard(path) ? dashboardFile : undefined);
    if (!page) return refusalAnswer(this.#unknownPage(path), accept);
    if (!isRead(head.method)) return refusalAnswer(wrongMethod(head.method, ["GET", "HEAD"]), accept);
    return page(request);
  };

  /** Names those that a program may ask for. */
  #unknownPage(path: string): Refusal {
    const pages = [...this.#pages.keys()].filter((each) => each !== signInPath);
    return { status: 404, code: "page-unknown", message: `there is no "${path}" here`, hints: [...pages, documentPath, mcpPath] };
  }
}

const isRead = (method: string): boolean => method === "GET" || method === "HEAD";

const signInPath = "/sign-in";
const dashboardPath = "/dashboard";
/** Browsers fetch it by themselves. */
const pacPath = "/proxy.pac";

/**
 * Probes have no token, and whether the hub is well says little more than that it answers. The files of the dashboard are the same for
 * everyone: what it shows it asks the API for. A browser that signs in has a code in place of the token.
 */
function isOpen(path: string): boolean {
  return path === "/health" || path === signInPath || path === pacPath || path === dashboardPath || isOfDashboard(path);
}

function isOfDashboard(path: string): boolean {
  return path === "/" || path.startsWith("/assets/");
}

/** Loaded when a browser comes. */
async function dashboardFile(request: ServerRequest): Promise<ServerAnswer> {
  const { assetAnswer } = await import("#web/assets/assets.ts");
  const { path, head } = request;
  const gone: Refusal = {
    status: 404,
    code: "page-unknown",
    message: `there is no "${path}" here: kt was updated, so load the page again`,
  };
  return assetAnswer(request) ?? refusalAnswer(gone, headerValue(head.headers, "accept"));
}

function metrics(facts: HubFacts, accept: string | undefined): ServerAnswer {
  const format = metricsFormatOf(accept);
  return textAnswer(metricsText(facts, format), metricsContentTypes[format], 200, [["Vary", "Accept"]]);
}

/** Users of this machine may read what it says; pages of other sites are refused by the guard. */
function pac(facts: HubFacts): ServerAnswer {
  const proxies = facts.proxies();
  if (proxies.length > 0) return textAnswer(proxyPac(proxies), pacContentType);
  const message = "no attached profile has a proxy that listens, so there is nothing to set up";
  return refusalAnswer({ status: 404, code: "page-unknown", message, hints: ['[proxy] listen = "127.0.0.1:8988"', "kt status"] });
}

function health(facts: HubFacts): ServerAnswer {
  const word = healthWord(facts.snapshot());
  return textAnswer(`${word}\n`, undefined, word === "ok" ? 200 : 503);
}

/**
 * The code is used up, and nothing else changes: the cookie goes to this name alone, no script reads it, and requests that other sites
 * begin do not carry it.
 */
function signIn(access: Access, code: string): ServerAnswer {
  const session = access.signIn(code);
  if (session === undefined) {
    return refusalAnswer({
      status: 401,
      code: "token-required",
      message: "the code is not valid any more: each is good for one minute, and once",
    });
  }
  const cookie = `${sessionCookie}=${session}; Path=/; HttpOnly; SameSite=Strict`;
  return textAnswer("", undefined, 303, [
    ["Location", "/"],
    ["Set-Cookie", cookie],
  ]);
}

/** Where others have theirs. */
function toDashboard(): ServerAnswer {
  return textAnswer("", undefined, 303, [["Location", "/"]]);
}

function wrongMethod(method: string, allowed: readonly string[]): Refusal {
  const list = allowed.join(", ");
  return { status: 405, code: "request-invalid", message: `${method} is not possible here: ${list}`, headers: [["Allow", list]] };
}
