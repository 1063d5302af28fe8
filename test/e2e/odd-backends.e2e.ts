/** Backends that do not speak HTTP, bend its rules or close without a word, through a real node. */

import { afterAll, beforeAll, expect, test } from "bun:test";
import { apply, kubectl, namespace } from "#test/support/cluster.ts";
import { twoContexts } from "#test/support/front.ts";
import { Kt } from "#test/support/kt.ts";
import { freePorts } from "#test/support/process.ts";

const pod = "odd";
/** Each connection to a port is answered by its script. */
const scripts: Readonly<Record<number, string>> = {
  8001: `printf 'HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok'`,
  8002: `printf 'HTTP/1.1 200 OK\\r\\nTransfer-Encoding: chunked\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n2\\r\\nok\\r\\n0\\r\\n\\r\\n'`,
  8003: `printf 'HTTP/1.1 200 OK\\r\\nContent-Length: 2, 2\\r\\nX-A : 1\\r\\nX-B: 1\\r\\n 2\\r\\n\\r\\nok'`,
  8004: `printf 'HTTP/1.1 200 OK\\r\\nContent-Length: 2x\\r\\n\\r\\nok'`,
};
const routes = {
  "closer.localhost": `"pod/${pod}:8001"`,
  "twice.localhost": `"pod/${pod}:8002"`,
  "loose.localhost": `"pod/${pod}:8003"`,
  "length.localhost": `"pod/${pod}:8004"`,
  "greet.localhost": '"svc/web:greet"',
  "echo.localhost": '"svc/web:echo"',
};
let kt: Kt;

/** Reads a head, says its own, and is gone. */
function serve([port, answer]: readonly [string, string]): string {
  const script = `while read -r line; do [ "\${#line}" -gt 1 ] || break; done; ${answer}`;
  return `cat >/tmp/${port} <<'END'\n${script}\nEND\nsocat TCP-LISTEN:${port},fork,reuseaddr EXEC:"sh /tmp/${port}" &`;
}

beforeAll(async () => {
  const command = ["sh", "-c", `${Object.entries(scripts).map(serve).join("\n")}\nwait`];
  const containers = [{ name: "main", image: "kt.test/jump:1", imagePullPolicy: "IfNotPresent", command }];
  await apply({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { namespace, name: pod },
    spec: { terminationGracePeriodSeconds: 0, containers },
  });
  await kubectl("-n", namespace, "wait", "--for=condition=Ready", `pod/${pod}`, "--timeout=60s");
  const [http = 0] = freePorts(1);
  const lines = Object.entries(routes).map(([name, target]) => `"${name}" = ${target}`);
  const profile = `context = "kt"\n[http]\nlisten = ["127.0.0.1:${http}"]\n[routes]\n${lines.join("\n")}\n`;
  kt = await Kt.serve(http, profile, { KUBECONFIG: await twoContexts() });
});
afterAll(async () => {
  await kt?.close();
  await kubectl("-n", namespace, "delete", "pod", pod, "--wait=false");
});

async function ask(host: string, method = "GET"): Promise<string> {
  const response = await kt.fetch(host, "/", { method });
  return `${response.status} ${response.headers.get("x-kt-error") ?? ""} ${await response.text()}`;
}

test.each(["POST", "GET"])("a backend that closes after each answer loses no %s", async (method) => {
  const answers: string[] = [];
  for (let nth = 0; nth < 20; nth++) answers.push(await ask("closer.localhost", method));
  expect(new Set(answers)).toEqual(new Set(["200  ok"]));
});

test("responses that bend the rules are passed on", async () => {
  expect([await ask("twice.localhost"), await ask("loose.localhost")]).toEqual(["200  ok", "200  ok"]);
});

test.each([
  ["greet.localhost", "the backend's answer is not HTTP/1: it speaks SMTP, and sent"],
  ["echo.localhost", "it sends back what it is sent"],
  ["length.localhost", '"2x" is not a valid Content-Length'],
])("%s says why it is not HTTP", async (host, reason) => {
  const answer = await ask(host);
  expect(answer).toStartWith("502 backend-invalid kt: error: ");
  expect(answer).toContain(reason);
});
