/** Conformance of the HTTP/2 front door: every case of h2spec, the strict ones too, also in TLS, before a backend of HTTP/2. */

import { expect, test } from "bun:test";
import { namespace, run, writeKubeconfig } from "#test/support/cluster.ts";
import { Kt } from "#test/support/kt.ts";
import { freePorts } from "#test/support/process.ts";

const h2spec = new URL("../../dist/h2spec", import.meta.url).pathname;

test.each([
  [[], "145 tests, 145 passed, 0 skipped, 0 failed"],
  [["--strict"], "146 tests, 146 passed, 0 skipped, 0 failed"],
  [["--tls", "--insecure"], "145 tests, 145 passed, 0 skipped, 0 failed"],
])("h2spec %p", async (flags, verdict) => {
  const [port = 0] = freePorts(1);
  // h2spec names in :authority what it connects to.
  const profile = `
name = "h2spec"
namespace = "${namespace}"

[http]
listen = ["127.0.0.1:${port}", "[::1]:${port}"]
tls = "terminate"

[routes]
"localhost" = "svc/web:http"
`;
  const kt = await Kt.serve(port, profile, { KUBECONFIG: await writeKubeconfig({ kt: { namespace } }) });
  try {
    expect((await kt.fetch("localhost", "/")).status).toBe(200);
    const ran = await run([h2spec, "--host", "localhost", "--port", String(port), ...flags]);
    expect(ran.stdout).toEndWith(`${verdict}\n`);
    expect(ran.exitCode).toBe(0);
  } finally {
    await kt.close();
  }
});
