/** Files of certificates and keys that a profile names: what is wrong with one is said where it is named, and nothing of it is quoted. */

import { afterAll, expect, test } from "bun:test";
import { chmod } from "node:fs/promises";
import { write } from "bun";
import { loadPlan } from "#profile/load.ts";
import { ProfileError } from "#profile/values/problems.ts";
import { selfSigned } from "#tls/self-signed.ts";
import { tempDir } from "#test/support/temp-dir.ts";

const directory = await tempDir();
afterAll(() => directory[Symbol.asyncDispose]());
const nowMs = Date.now();
const good = selfSigned("a.localhost", nowMs);
const old = selfSigned("a.localhost", nowMs - 10 * 24 * 3600 * 1000);

let count = 0;

/** A profile of one route, in a folder with the files. */
async function load(route: string, files: Readonly<Record<string, string>>, mode = 0o600) {
  const folder = `${directory.path}/${count++}`;
  await write(`${folder}/tunnels.toml`, `[routes."a.localhost"]\ntarget = "svc/a:80"\n${route}\n`);
  for (const [name, text] of Object.entries(files)) {
    await write(`${folder}/${name}`, text);
    await chmod(`${folder}/${name}`, mode);
  }
  return await loadPlan({ file: `${folder}/tunnels.toml`, environment: {}, home: folder });
}

async function problems(route: string, files: Readonly<Record<string, string>>, mode?: number): Promise<string[]> {
  const error: unknown = await load(route, files, mode).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof ProfileError)) return [];
  return error.problems.map(({ line, message, hint }) => `${line}: ${message} | ${hint?.replace(/ \S*\/(\d+)\//, " ")}`);
}

const pair = 'tls = "terminate"\ncert = "a.pem"\nkey = "a.key"';

test("a good pair is the route's, and its files are watched", async () => {
  const { plan } = await load(pair, { "a.pem": good.cert, "a.key": good.key });
  expect(plan.routes[0]?.tls?.pair).toEqual(good);
  expect(plan.files.map((file) => file.slice(file.lastIndexOf("/") + 1))).toEqual(["tunnels.toml", "tunnels.local.toml", "a.pem", "a.key"]);
});

test.each([
  ["missing", {}, 0o600, ['4: cannot read "a.pem": there is no such file', '5: cannot read "a.key": there is no such file']],
  ["readable by others", { "a.pem": good.cert, "a.key": good.key }, 0o644, ['5: "a.key" holds a private key, and other users may read it']],
  ["of another certificate", { "a.pem": good.cert, "a.key": old.key }, 0o600, ['5: "a.key" is the key of another certificate']],
  ["over", { "a.pem": old.cert, "a.key": old.key }, 0o600, ['4: "a.pem" has expired on ']],
  ["of other names", selfSignedFiles("b.localhost"), 0o600, ['4: "a.pem" is a certificate of other names than "a.localhost"']],
  ["something else", { "a.pem": "secret text", "a.key": good.key }, 0o600, ['4: "a.pem" holds no PEM certificate']],
])("a pair that is %s", async (_, files: Readonly<Record<string, string>>, mode, expected) => {
  const found = await problems(pair, files, mode);
  expect(found.length).toBe(expected.length);
  for (const [index, each] of expected.entries()) expect(found[index]).toStartWith(each);
  expect(found.join()).not.toContain("secret");
});

function selfSignedFiles(name: string): Readonly<Record<string, string>> {
  const { cert, key } = selfSigned(name, nowMs);
  return { "a.pem": cert, "a.key": key };
}

test("the problem of a key that others may read names the command that helps", async () => {
  const [only = ""] = await problems(pair, { "a.pem": good.cert, "a.key": good.key }, 0o604);
  expect(only).toEndWith("| chmod 600 a.key");
});

test("authorities of clients and of a backend, which then speaks TLS", async () => {
  const route = 'tls = "terminate"\nclient_ca = "clients.pem"\nca = "backend.pem"';
  const { plan } = await load(route, { "clients.pem": good.cert, "backend.pem": old.cert }, 0o644);
  const [read] = plan.routes;
  expect(read?.tls?.clientCa).toBe(good.cert);
  expect([read?.scheme, read?.manner.tls]).toEqual(["https", { verifies: true, ca: old.cert }]);
  expect(await problems('ca = "backend.pem"', { "backend.pem": "no" })).toEqual([
    '3: "backend.pem" holds no PEM certificate | PEM is text, with a line BEGIN CERTIFICATE',
  ]);
});

test("a pipe or a device in place of a file is refused without waiting", async () => {
  const [first = ""] = await problems('ca = "/dev/zero"', {});
  expect(first).toStartWith('3: cannot read "/dev/zero": it is a device, not a regular file');
});
