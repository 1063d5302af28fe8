/** The API under requests that another program makes out of its document: valid ones, broken ones, and those without the token. */

import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { namespace } from "#test/support/cluster.ts";
import { Kt } from "#test/support/kt.ts";
import { freePorts } from "#test/support/process.ts";
import { Schemathesis } from "#test/support/schemathesis.ts";

const folder = mkdtempSync(`${tmpdir()}/kt-schemathesis-`);
/** Kept from one run to the next where the cluster is. */
const installedIn = `${process.env["KT_CLUSTER_DIR"] ?? folder}/schemathesis`;
const schemathesis = await Schemathesis.find(installedIn);
let kt: Kt;
beforeAll(async () => {
  const [port = 0] = freePorts(1);
  kt = await Kt.serve(
    port,
    `namespace = "${namespace}"\n[http]\nlisten = "127.0.0.1:${port}"\n[routes]\n"web.localhost" = "svc/web:http"\n`,
  );
});
afterAll(async () => {
  await kt?.close();
  rmSync(folder, { recursive: true, force: true });
});

/**
 * Not asked for: streams, which do not end, and what detaches every profile, with the port that all of this goes through. That a
 * valid body names a file that is not there is no fault.
 */
const left = ["/api/v1/watch", "/api/v1/logs", "/api/v1/detach"].flatMap((path) => ["--exclude-path", path]);
const checks =
  "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,negative_data_rejection,unsupported_method,ignored_auth";

async function tryAll(tried: Schemathesis): Promise<void> {
  const token = readFileSync(`${kt.home.env["XDG_RUNTIME_DIR"]}/kt/token`, "utf8").trim();
  const authorization = `Bearer ${token}`;
  const document = await kt.fetch("kt.localhost", "/api/openapi.json", { headers: { Authorization: authorization } });
  const path = `${folder}/openapi.json`;
  writeFileSync(path, await document.text());
  const ran = await tried.run(path, `http://127.0.0.1:${kt.port}`, [
    ...left,
    ...["--checks", checks, "--phases", "coverage,fuzzing", "--max-examples", "15", "--seed", "1", "--request-timeout", "30"],
    ...["-H", `Host: kt.localhost:${kt.port}`, "-H", `Authorization: ${authorization}`],
  ]);
  expect(ran).toMatchObject({ exitCode: 0 });
  expect(ran.stdout).toMatch(/\d+ generated/);
  expect((await kt.status())["profiles"]).toHaveLength(1);
}

const title = "no request makes it fail, hang, or answer what its document does not have";
if (typeof schemathesis === "string") test.skip(`${title}: not run: ${schemathesis}`, () => {});
else test(title, async () => await tryAll(schemathesis), 300_000);
