/** The hub's own pages as a target: their token is there from the start, their code is loaded at the first request. */

import { rm, writeFile } from "node:fs/promises";
import type { MetricsFormat } from "#control/api.ts";
import type { Conn } from "#base/conn.ts";
import { KtError } from "#base/errors.ts";
import type { RequestHandler } from "#control/server.ts";
import type { Clock } from "#base/clock.ts";
import { memoryPair } from "#base/memory-conn.ts";
import type { Link } from "#proxy/door/dialer.ts";
import { hubHost } from "#route/target.ts";
import type { HubFacts } from "#web/facts/hub-facts.ts";
import type { Site } from "#web/site.ts";
import type { Part } from "./part.ts";

export const tokenPath = (directory: string): string => `${directory}/token`;

/** All but what the hub answers. */
export type KnownFacts = Omit<HubFacts, "handle">;

export class OwnPages implements Part {
  readonly #facts: KnownFacts;
  readonly #clock: Clock;
  readonly #token = Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString("base64url");
  #site: Promise<Site> | undefined;
  /** Answers what the hub's clients ask; set once the hub can. */
  handle: RequestHandler = () => {
    throw new KtError("shutting-down", "the hub is starting");
  };

  constructor(facts: KnownFacts, clock: Clock) {
    this.#facts = facts;
    this.#clock = clock;
  }

  /** Each hub has another one: an older one is worth nothing. */
  async keepToken(): Promise<void> {
    const { tokenFile } = this.#facts;
    await rm(tokenFile, { force: true });
    await writeFile(tokenFile, `${this.#token}\n`, { mode: 0o600, flag: "wx" });
  }

  /** See Dialer: a pair in memory, at whose other end the pages are served. */
  async open(): Promise<Link> {
    const site = await this.#loaded();
    const [conn, served] = memoryPair();
    site.serve(served);
    return { conn, pod: "kt", appProtocol: "http", usable: () => true, park() {}, unpark() {} };
  }

  /** Serves the metrics alone to a connection. */
  async serveMetrics(conn: Conn): Promise<void> {
    (await this.#loaded()).serveMetrics(conn);
  }

  async signInCode(): Promise<string> {
    return (await this.#loaded()).signInCode();
  }

  async metrics(format: MetricsFormat): Promise<string> {
    return (await this.#loaded()).metrics(format);
  }

  async release(): Promise<void> {
    await rm(this.#facts.tokenFile, { force: true });
  }

  #loaded(): Promise<Site> {
    this.#site ??= import("#web/site.ts").then(
      ({ Site: Loaded }) =>
        new Loaded({ facts: { ...this.#facts, handle: this.handle }, host: hubHost, token: this.#token, clock: this.#clock }),
    );
    return this.#site;
  }
}
