/** The certificate that `kt trust` is about, and what happens to the authority itself: it is made, made anew, removed, or stays. */

import { KtError, messageOf } from "#base/errors.ts";
import { readRegularFile } from "#base/regular-file.ts";
import { isoDay } from "#base/time-of-day.ts";
import { hostLimits } from "#host/limits.ts";
import { type Authority, makeAuthority } from "#tls/authority.ts";
import { isCertificate } from "#tls/key-pair.ts";
import type { AuthorityStore } from "./authority-store.ts";
import type { TrustRequest } from "#host/stores/trust-part.ts";

export class PlannedAuthority {
  readonly root: TrustRequest["root"];
  /** For people, what `carryOut` changes. */
  readonly changes: readonly string[];
  readonly carryOut: () => void;

  private constructor(root: TrustRequest["root"], changes: readonly string[] = [], carryOut: () => void = () => {}) {
    this.root = root;
    this.changes = changes;
    this.carryOut = carryOut;
  }

  /** Of a file that another user asks to trust. Throws KtError. */
  static of(file: string): PlannedAuthority {
    const pem = readRoot(file);
    if (isCertificate(pem)) return new PlannedAuthority({ pem, file });
    throw new KtError("usage", `"${file}" holds no certificate`, { hints: ["kt trust status"] });
  }

  /** One that may sign for these domains, and for some time yet: what there is, or a new one. */
  static installation(store: AuthorityStore, domains: readonly string[], nowMs: number): PlannedAuthority {
    const present = store.find();
    const why = present === undefined ? "" : whyNew(present, domains, nowMs);
    if (present !== undefined && why === undefined) return new PlannedAuthority({ pem: present.texts.root, file: store.rootFile });
    const wanted = [...new Set([...(present?.texts.domains ?? []), ...domains])];
    const fresh = makeAuthority(store.owner, store.withOwn(wanted), nowMs);
    const may = `that may sign for ${fresh.domains.map((domain) => `"${domain}"`).join(", ")} and loopback addresses`;
    const instead = why === "" ? "" : `, in place of the one that ${why ?? ""}`;
    const root = { pem: fresh.root, file: store.rootFile };
    return new PlannedAuthority(root, [`this will make a certificate authority in ${store.file}${instead},`, `  ${may}`], () =>
      store.keep(fresh),
    );
  }

  /** With `all` the authority itself goes too. */
  static removal(store: AuthorityStore, all: boolean): PlannedAuthority {
    const pem = existingRoot(store.rootFile);
    const changes = all && pem !== "" ? [`this will remove kt's certificate authority, ${store.directory}`] : [];
    return new PlannedAuthority({ pem, file: store.rootFile }, changes, () => {
      if (all) store.remove();
    });
  }
}

/** Undefined where the present one will do. */
function whyNew(present: Authority, domains: readonly string[], nowMs: number): string | undefined {
  if (present.untilMs - nowMs < hostLimits.renewAuthorityMs) return `ends on ${isoDay(present.untilMs)}`;
  const missing = domains.find((domain) => !present.covers(domain));
  return missing === undefined ? undefined : `may not sign for "${missing}"`;
}

function readRoot(file: string): string {
  try {
    const { bytes } = readRegularFile(file, { mostBytes: hostLimits.authorityBytes, code: "usage" });
    return new TextDecoder().decode(bytes);
  } catch (error) {
    throw new KtError("usage", `cannot read "${file}": ${messageOf(error)}`, { hints: ["kt trust status"] });
  }
}

/** Empty where there is none. */
function existingRoot(file: string): string {
  try {
    return readRoot(file);
  } catch {
    return "";
  }
}
