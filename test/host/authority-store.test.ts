/** The file of kt's CA: made once and for its user alone, read again when it changes, and not used where others may read it. */

import { afterAll, describe, expect, test } from "bun:test";
import { chmodSync, readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { AuthorityStore } from "#host/trust/authority-store.ts";
import { PlannedAuthority } from "#host/trust/planned-authority.ts";
import { listWith } from "#host/trust/trust-list.ts";
import { authorityLimits } from "#tls/authority.ts";
import { ManualClock } from "#test/support/manual-clock.ts";
import { tempDir } from "#test/support/temp-dir.ts";

const directory = await tempDir();
afterAll(() => directory[Symbol.asyncDispose]());
const dayMs = 24 * 3600 * 1000;
let count = 0;

function makeStore(clock = new ManualClock()): AuthorityStore {
  return new AuthorityStore({ directory: `${directory.path}/${count++}/ca`, owner: "me@here", clock });
}

const sameStore = (store: AuthorityStore): AuthorityStore =>
  new AuthorityStore({ directory: store.directory, owner: "me@here", clock: new ManualClock() });

describe("the first time", () => {
  test("it is made, and the next hub has the same", () => {
    const store = makeStore();
    expect(store.find()).toBeUndefined();
    const made = store.current();
    expect(made.texts.domains).toEqual(["localhost"]);
    expect(sameStore(store).current().texts).toEqual(made.texts);
    expect(readFileSync(store.rootFile, "utf8")).toBe(made.texts.root);
    expect([store.file, store.directory].map((path) => statSync(path).mode & 0o777)).toEqual([0o600, 0o700]);
    expect(readdirSync(store.directory).sort()).toEqual(["authority.json", "root.pem"]);
  });

  test("a second look reads nothing anew", () => {
    const store = makeStore();
    expect(store.current()).toBe(store.current());
  });
});

describe("it is not used", () => {
  test.each([0o644, 0o640, 0o604])("with mode %o", (mode) => {
    const store = makeStore();
    store.current();
    chmodSync(store.file, mode);
    expect(() => store.current()).toThrow(`other users may read it (mode ${mode.toString(8)})`);
    chmodSync(store.file, 0o600);
    expect(store.current().texts.domains).toEqual(["localhost"]);
  });

  test.each(["", "{}", "[]", "null", '{"root":1}', "not JSON"])("where it holds %p", (text) => {
    const store = makeStore();
    store.current();
    writeFileSync(store.file, text);
    expect(() => store.current()).toThrow("does not hold a CA that kt has made");
  });

  test("after its end", async () => {
    const clock = new ManualClock();
    const store = makeStore(clock);
    store.current();
    await clock.advance(authorityLimits.authorityMs + dayMs);
    expect(() => store.current()).toThrow("kt's CA has expired on");
  });
});

describe("kt trust install", () => {
  test("changes nothing before it is carried out, and takes what will do", () => {
    const store = makeStore();
    const clock = new ManualClock();
    const plan = PlannedAuthority.installation(store, ["dev.test"], clock.wallMs());
    expect(store.find()).toBeUndefined();
    plan.carryOut();
    expect(store.current().texts.domains).toEqual(["localhost", "dev.test"]);
    expect(store.current().texts.root).toBe(plan.root.pem);
    expect(PlannedAuthority.installation(store, ["api.dev.test"], clock.wallMs()).changes).toEqual([]);
  });

  test("makes another for a new domain, which keeps the old ones, and near the end", () => {
    const clock = new ManualClock();
    const store = makeStore(clock);
    PlannedAuthority.installation(store, ["dev.test"], clock.wallMs()).carryOut();
    const more = PlannedAuthority.installation(store, ["other.test"], clock.wallMs());
    expect(more.changes.join()).toContain('in place of the one that may not sign for "other.test"');
    more.carryOut();
    expect(store.current().texts.domains).toEqual(["localhost", "dev.test", "other.test"]);
    const late = PlannedAuthority.installation(store, [], clock.wallMs() + authorityLimits.authorityMs - dayMs);
    expect(late.changes.join()).toContain("in place of the one that ends on ");
  });
});

test("kt trust uninstall removes all of it, also where it cannot be used", () => {
  const store = makeStore();
  const { root } = store.current().texts;
  chmodSync(store.file, 0o644);
  const plan = PlannedAuthority.removal(store, true);
  expect(plan.root.pem).toBe(root);
  plan.carryOut();
  expect(store.find()).toBeUndefined();
});

test("a list has what the others have and the certificate, and the same content is the same file", () => {
  writeFileSync(`${directory.path}/other.pem`, "other");
  const path = listWith(directory.path, [`${directory.path}/other.pem`, "/nowhere"], "root");
  expect(readFileSync(path, "utf8")).toBe("other\n\nroot");
  expect(listWith(directory.path, [`${directory.path}/other.pem`, "/nowhere"], "root")).toBe(path);
});
