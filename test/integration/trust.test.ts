/** kt trust, kt check and kt env about kt's CA, without a change to the machine: what would be done, and what programs are to trust. */

import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { write } from "bun";
import { SourceHome } from "#test/support/source-home.ts";

let home: SourceHome;
let data: { readonly XDG_DATA_HOME: string };
/** Of the CA. */
let folder: string;
beforeEach(async () => {
  home = await SourceHome.make();
  data = { XDG_DATA_HOME: `${home.path}/data` };
  folder = `${data.XDG_DATA_HOME}/kt/ca`;
});
afterEach(() => home[Symbol.asyncDispose]());

async function profile(host: string): Promise<void> {
  await write(`${home.project}/tunnels.toml`, `[routes."${host}"]\ntarget = "svc/a:80"\ntls = "terminate"\n`);
}

test("without a CA the status says so, and a dry run makes none", async () => {
  await profile("a.localhost");
  const status = await home.run(["trust", "status"], data);
  expect([status.exitCode, status.stdout]).toEqual([1, "there is no CA of kt's yet\n"]);
  const dry = await home.run(["trust", "install", "--dry-run"], data);
  expect(dry.exitCode).toBe(0);
  expect(dry.stdout).toContain(`this will make a certificate authority in ${folder}/authority.json,\n  that may sign for "localhost" and`);
  expect(existsSync(folder)).toBe(false);
});

test("it asks before it changes anything", async () => {
  const ran = await home.run(["trust", "install"], data);
  expect([ran.exitCode, ran.stderr]).toEqual([2, expect.stringContaining("kt trust asks before it changes anything")]);
  expect(existsSync(folder)).toBe(false);
});

test("the domains of a profile are taken where it is allowed, and never a public suffix", async () => {
  await profile("shop.dev.test");
  const check = await home.run(["check"], data);
  expect(check.stderr).toContain('kt\'s CA may not sign for "shop.dev.test"');
  expect(check.stderr).toContain("kt: hint: kt trust install --domain shop.dev.test");
  const own = await home.run(["trust", "install", "--dry-run"], data);
  expect(own.stdout).toContain('that may sign for "localhost", "shop.dev.test" and');
  await profile("shop.example.com");
  const strange = await home.run(["trust", "install", "--dry-run"], data);
  expect(strange.stdout).toContain("are left out: it is not allowed");
  expect(strange.stdout).toContain('that may sign for "localhost" and');
  const everybody = await home.run(["trust", "install", "--domain", "co.uk", "--dry-run"], data);
  expect(everybody.stderr).toContain('"co.uk" is a public suffix');
});

test("kt env names lists with the CA in them, beside what programs trust now", async () => {
  await profile("a.localhost");
  await write(`${home.path}/company.pem`, "the company's");
  const ran = await home.run(["env", "--json"], { ...data, SSL_CERT_FILE: `${home.path}/company.pem` });
  const variables = JSON.parse(ran.stdout) as Record<string, string>;
  const root = readFileSync(`${folder}/root.pem`, "utf8");
  expect(variables["NODE_EXTRA_CA_CERTS"]).toBe(`${folder}/root.pem`);
  expect(readFileSync(variables["SSL_CERT_FILE"] ?? "", "utf8")).toBe(`the company's\n${root}`);
  const nested = await home.run(["env", "--json"], { ...data, ...variables });
  expect(JSON.parse(nested.stdout)).toMatchObject({ NODE_EXTRA_CA_CERTS: `${folder}/root.pem` });
  await write(`${home.project}/tunnels.toml`, '[routes]\n"a.localhost" = "svc/a:80"\n');
  expect((await home.run(["env", "--json"], data)).stdout.trim()).toBe("{}");
});
