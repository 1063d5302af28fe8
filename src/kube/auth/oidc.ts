/** The OIDC auth-provider: the id token of the kubeconfig, refreshed at its issuer when it has expired (OpenID Connect Core §12). */

import { write } from "bun";
import type { Clock } from "#base/clock.ts";
import { KtError, toKtError, messageOf } from "#base/errors.ts";
import { sharedLimits } from "#base/limits.ts";
import { kubeLimits } from "#kube/limits.ts";
import type { Log } from "#base/log.ts";
import { authorityOf } from "#kube/way/authority.ts";
import { withDeadline } from "#base/deadline.ts";
import { dial } from "#kube/way/dial.ts";
import { besideFile, type FileCache } from "#kube/config/files.ts";
import { type Answer, type HttpRequest, request } from "#http/client.ts";
import { proxyFor } from "#kube/way/outbound-proxy.ts";
import { Renewals } from "./renewals.ts";
import { parseYaml } from "#kube/config/yaml.ts";

export interface OidcOptions {
  readonly config: Readonly<Record<string, string>>;
  readonly user: string;
  /** The kubeconfig file that holds the tokens. */
  readonly file: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly cache: FileCache;
  readonly clock: Clock;
  readonly log: Log;
}

/** Refreshed this long before the end, so that a token does not expire on its way. */
const marginMs = 10_000;

export class OidcTokens {
  readonly #options: OidcOptions;
  #idToken: string | undefined;
  #refreshToken: string | undefined;
  readonly #renewals = new Renewals();
  #running: Promise<string> | undefined;

  constructor(options: OidcOptions) {
    this.#options = options;
    this.#idToken = options.config["id-token"];
    this.#refreshToken = options.config["refresh-token"];
  }

  /** A token that has not expired. Rejects with KtError `credentials-failed`. */
  async get(): Promise<string> {
    if (this.#idToken !== undefined && this.#options.clock.wallMs() < expiryMs(this.#idToken) - marginMs) return this.#idToken;
    this.#running ??= this.#refresh().finally(() => {
      this.#running = undefined;
    });
    return await this.#running;
  }

  /** The cluster refused it: another one is fetched, unless that was of no use lately. */
  forget(token: string): void {
    const nowMs = this.#options.clock.now();
    if (this.#idToken !== token || this.#refreshToken === undefined || !this.#renewals.mayRenew(nowMs)) return;
    this.#renewals.spent(nowMs, kubeLimits.credentialYoungMs);
    if (this.#renewals.mayRenew(nowMs)) this.#idToken = undefined;
  }

  async #refresh(): Promise<string> {
    const { user, config, clock, log } = this.#options;
    const old = { idToken: this.#options.config["id-token"], refreshToken: this.#refreshToken };
    if (old.refreshToken === undefined) throw this.#failure("the login has expired and the kubeconfig has no refresh-token");
    const refreshToken = old.refreshToken;
    const late = (): KtError => this.#failure(`the issuer ${config["idp-issuer-url"]} did not answer in time`);
    try {
      const fresh = await withDeadline(clock, sharedLimits.apiRequestTimeoutMs, undefined, late, (signal) =>
        this.#ask(refreshToken, signal),
      );
      this.#idToken = fresh.idToken;
      this.#renewals.made(clock.now());
      this.#refreshToken = fresh.refreshToken ?? old.refreshToken;
      log("debug", "oidc-refreshed", { user });
      await this.#save(old, { idToken: fresh.idToken, refreshToken: this.#refreshToken });
      return fresh.idToken;
    } catch (error) {
      const problem = toKtError(error, "internal", "refresh it");
      throw problem.code === "credentials-failed" ? problem : this.#failure(problem.message);
    }
  }

  async #ask(refreshToken: string, signal: AbortSignal): Promise<{ idToken: string; refreshToken: string | undefined }> {
    const issuer = this.#options.config["idp-issuer-url"]?.replace(/\/$/, "");
    if (issuer === undefined) throw this.#failure("the kubeconfig has no idp-issuer-url");
    const discovered = await this.#exchange(`${issuer}/.well-known/openid-configuration`, undefined, false, signal);
    const endpoint = textField(parseJson(discovered.body), "token_endpoint");
    if (endpoint === undefined) throw this.#failure(`${issuer} names no token_endpoint`);
    const answer = await this.#askEndpoint(endpoint, refreshToken, signal);
    const parsed = parseJson(answer.body);
    const idToken = textField(parsed, "id_token");
    if (answer.head.status === 200 && idToken !== undefined) return { idToken, refreshToken: textField(parsed, "refresh_token") };
    const reason =
      textField(parsed, "error_description") ?? textField(parsed, "error") ?? `status ${answer.head.status} without an id_token`;
    throw this.#failure(`the issuer ${issuer} refused: ${reason}`);
  }

  /** With a secret the login goes into the header first, into the form for issuers that want it there (RFC 6749 §2.3.1). */
  async #askEndpoint(endpoint: string, refreshToken: string, signal: AbortSignal): Promise<Answer> {
    const form = new URLSearchParams({ grant_type: "refresh_token", refresh_token: refreshToken });
    if (this.#options.config["client-secret"]) {
      const answer = await this.#exchange(endpoint, form, true, signal);
      if (answer.head.status === 200) return answer;
    }
    return await this.#exchange(endpoint, form, false, signal);
  }

  async #exchange(address: string, form: URLSearchParams | undefined, loginInHeader: boolean, signal: AbortSignal): Promise<Answer> {
    const { config, environment } = this.#options;
    if (!URL.canParse(address)) throw this.#failure(`"${address}" is not a valid URL`);
    const url = new URL(address);
    const conn = await dial({ url, tls: { ca: this.#authority() }, proxy: proxyFor(url, undefined, environment), signal });
    const headers: [string, string][] = [
      ["Host", url.host],
      ["Accept", "application/json"],
      ["Connection", "close"],
    ];
    const target = `${url.pathname}${url.search}`;
    if (!form) return await request(conn, { method: "GET", target, headers }, signal);
    const [id, secret] = [config["client-id"] ?? "", config["client-secret"] ?? ""];
    const body = new URLSearchParams(form);
    if (loginInHeader) {
      headers.push(["Authorization", `Basic ${btoa(`${encodeURIComponent(id)}:${encodeURIComponent(secret)}`)}`]);
    } else {
      body.set("client_id", id);
      if (secret !== "") body.set("client_secret", secret);
    }
    headers.push(["Content-Type", "application/x-www-form-urlencoded"]);
    const message: HttpRequest = { method: "POST", target, headers, body: body.toString() };
    return await request(conn, message, signal);
  }

  #authority(): string | undefined {
    const { config, file, cache } = this.#options;
    const data = config["idp-certificate-authority-data"];
    const path = config["idp-certificate-authority"];
    if (data) return authorityOf("the issuer", Buffer.from(data, "base64").toString("utf8"));
    return path ? authorityOf("the issuer", cache.read(besideFile(file, path))) : undefined;
  }

  /**
   * Writes the new tokens over the old ones in the kubeconfig, as kubectl does: an issuer that rotates refresh tokens has made
   * the old one worthless, for kubectl too. Layout and comments stay.
   */
  async #save(old: Tokens, fresh: Tokens): Promise<void> {
    const { file, cache, user, log } = this.#options;
    try {
      const text = cache.read(file);
      const changed = replaceToken(replaceToken(text, old.idToken, fresh.idToken), old.refreshToken, fresh.refreshToken);
      if (changed === text) return;
      parseYaml(changed);
      await write(file, changed);
    } catch (error) {
      log("warn", "oidc-not-saved", { user, file, reason: messageOf(error) });
    }
  }

  #failure(what: string): KtError {
    return new KtError("credentials-failed", `OIDC login of user "${this.#options.user}": ${what}`, {
      hints: ["log in again with the tool that wrote the kubeconfig"],
    });
  }
}

interface Tokens {
  readonly idToken: string | undefined;
  readonly refreshToken: string | undefined;
}

/** A token that stands in the text once is replaced; one that needs quoting in YAML is left alone. */
export function replaceToken(text: string, old: string | undefined, fresh: string | undefined): string {
  if (!old || !fresh || !/^[\w.~+/=-]+$/.test(fresh)) return text;
  const parts = text.split(old);
  return parts.length === 2 ? parts.join(fresh) : text;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function textField(value: unknown, name: string): string | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const field: unknown = Object.entries(value).find(([key]) => key === name)?.[1];
  return typeof field === "string" && field !== "" ? field : undefined;
}

/** The `exp` of a JWT in milliseconds; 0 for what is none, so that it counts as expired. */
export function expiryMs(token: string): number {
  const payload = token.split(".")[1];
  if (payload === undefined) return 0;
  const claims = parseJson(Buffer.from(payload, "base64url").toString("utf8"));
  if (typeof claims !== "object" || claims === null || !("exp" in claims)) return 0;
  return typeof claims.exp === "number" ? claims.exp * 1000 : 0;
}
