/** The name servers of this machine, as the file has them at each moment. */

import { expect, test } from "bun:test";
import { renameSync, rmSync, writeFileSync } from "node:fs";
import { SystemResolvers } from "#host/names/resolvers.ts";
import { tempDir } from "#test/support/temp-dir.ts";

test("are read again when the file is written, replaced, removed and there again", async () => {
  await using folder = await tempDir();
  const path = `${folder.path}/resolv.conf`;
  const resolvers = new SystemResolvers(path);
  const of = (text: string): string => `nameserver ${text}\n`;
  expect(resolvers.current()).toEqual(["127.0.0.1"]);
  writeFileSync(path, of("10.0.0.1"));
  expect(resolvers.current()).toEqual(["10.0.0.1"]);
  writeFileSync(path, of("10.0.0.22"));
  expect(resolvers.current()).toEqual(["10.0.0.22"]);
  writeFileSync(`${path}.new`, of("10.0.0.33"));
  renameSync(`${path}.new`, path);
  expect(resolvers.current()).toEqual(["10.0.0.33"]);
  rmSync(path);
  expect(resolvers.current()).toEqual(["127.0.0.1"]);
  writeFileSync(path, of("10.0.0.4"));
  expect(resolvers.current()).toEqual(["10.0.0.4"]);
});
