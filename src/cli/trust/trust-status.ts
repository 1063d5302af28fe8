/** `kt trust status`: what kt's CA may sign for, which stores trust it, and which programs have to be told of it by variables. */

import { systemClock } from "#base/clock.ts";
import { type KtError, toKtError } from "#base/errors.ts";
import { isoDay } from "#base/time-of-day.ts";
import { surroundings } from "#control/socket-path.ts";
import { ownAuthority } from "#daemon/own-authority.ts";
import { isDone } from "#host/steps/setup-step.ts";
import type { AuthorityStore } from "#host/trust/authority-store.ts";
import type { TrustRequest } from "#host/stores/trust-part.ts";
import { isStoreName, type StoreName, storeNames, trustPart } from "#host/stores/trust-parts.ts";
import type { CommandContext } from "#cli/command.ts";
import { exitCodes } from "#cli/exit.ts";
import { trustVariables } from "./trust-variables.ts";

type Authority = NonNullable<ReturnType<AuthorityStore["find"]>>;

type StoreState = "trusted" | "not trusted" | "none" | "unknown";

interface Shown {
  readonly store: StoreName;
  readonly state: StoreState;
  readonly why: string;
  readonly hints: readonly string[];
}

/** Programs that have lists of their own, and the variable that names another for each. */
const byVariable: Readonly<Record<string, string>> = {
  NODE_EXTRA_CA_CERTS: "Node, Bun and what is built on them",
  SSL_CERT_FILE: "programs with an OpenSSL of their own, Go and Ruby where the system does not trust it",
  REQUESTS_CA_BUNDLE: "requests of Python",
};

/** Ends with 1 where there is no CA, or one that cannot be used. */
export function showTrust({ options, output }: CommandContext): number {
  const at = surroundings();
  const store = ownAuthority(at);
  const found = findAuthority(store);
  const authority = found instanceof Error ? undefined : found;
  const request = { ...at, direction: "do" as const, root: { pem: authority?.texts.root ?? "", file: store.rootFile } };
  const stores = storeNames.filter(isStoreName).map((name) => stateOf(name, request));
  const variables = authority === undefined ? {} : trustVariables(store, process.env);
  const isGood = authority !== undefined && authority.untilMs > systemClock.wallMs();
  const code = isGood ? exitCodes.done : exitCodes.failed;
  if (options.flag("json")) {
    const problem = found instanceof Error ? { code: found.code, message: found.message, hints: found.hints } : null;
    output.json({ authority: factsOf(store, authority), problem, stores, variables });
    return code;
  }
  if (found instanceof Error) {
    output.error(found);
    return code;
  }
  output.line(authority === undefined ? "there is no CA of kt's yet" : headline(authority, store));
  if (authority === undefined) output.advice(["kt trust install"]);
  else {
    for (const each of stores) output.line(`  ${each.store.padEnd(8)}  ${each.state}: ${each.why}`);
    output.line("by variables, which kt run and kt env set where the profile needs them:");
    for (const [name, value] of Object.entries(variables)) output.line(`  ${name}=${value}  ${byVariable[name] ?? ""}`);
    if (stores.some(({ state }) => state === "not trusted")) output.advice(["kt trust install"]);
  }
  return code;
}

function findAuthority(store: AuthorityStore): Authority | KtError | undefined {
  try {
    return store.find();
  } catch (error) {
    return toKtError(error, "authority-unusable", "read kt's CA");
  }
}

function headline({ texts, untilMs }: Authority, { rootFile }: AuthorityStore): string {
  const isOver = untilMs <= systemClock.wallMs();
  return `${rootFile}: signs for ${texts.domains.join(", ")}; ${isOver ? "has expired on" : "until"} ${isoDay(untilMs)}`;
}

function factsOf({ rootFile }: AuthorityStore, authority: Authority | undefined): object | null {
  if (authority === undefined) return null;
  return { root: rootFile, domains: authority.texts.domains, until: new Date(authority.untilMs).toISOString() };
}

function stateOf(name: StoreName, request: TrustRequest): Shown {
  const part = trustPart(name, request);
  if (part.kind === "needless") return { store: name, state: "none", why: part.why, hints: [] };
  if (part.kind === "impossible") return { store: name, state: "unknown", why: part.why, hints: part.hints };
  const isTrusted = request.root.pem !== "" && isDone(part.steps, "do");
  return { store: name, state: isTrusted ? "trusted" : "not trusted", why: part.readers, hints: [] };
}
