/** Files of other tools as profiles: what is taken over, what is said of the rest, and that kt reads what comes out. */

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { convertAutoTunnel, looksLikeAutoTunnel } from "#cli/convert/autotunnel.ts";
import { type Converted, profileOfConverted } from "#cli/convert/converted.ts";
import { convertScript } from "#cli/convert/port-forward.ts";
import { loadPlan } from "#profile/load.ts";

/** The profile without its first line, and what is left out. Fails for one that the loader refuses. */
async function outcome(converted: Converted): Promise<{ profile: string; left: string[] }> {
  const { text, left } = profileOfConverted(converted, "FILE");
  await loadPlan({
    file: "/tunnels.toml",
    environment: {},
    home: "/",
    readText: async (path) => (path === "/tunnels.toml" ? text : undefined),
  });
  return { profile: text.replace(/^#.*\n/, "").trimStart(), left: left.map(({ place, why }) => `${place}: ${why}`) };
}

const autotunnel = `
apiVersion: autotunnel/v1
verbose: true
auto_reload_config: true
http:
  listen: ":8989"
  idle_timeout: 60m
  k8s:
    dynamic_host: k8s.localhost
    routes:
      argocd.localhost: { context: eks-prod, namespace: argocd, service: argocd-server, port: 443, scheme: https }
      grafana.localhost:
        context: eks-prod
        namespace: monitoring
        service: grafana
        port: 3000
      debug.localhost: { context: eks-prod, namespace: shop, pod: debug-0, port: 8080, scheme: https }
      broken.localhost: { context: eks-prod, namespace: shop }
tcp:
  k8s:
    routes:
      5432: { context: eks-prod, namespace: databases, service: postgresql, port: 5432 }
    jump:
      3306:
        context: eks-prod
        namespace: default
        via: { service: backend-api }
        target: { host: mydb.rds.amazonaws.com, port: 3306 }
      3307:
        context: eks-prod
        namespace: default
        via: { pod: jump, create: { image: "alpine/socat:1.8.0.3" } }
        target: { host: other.rds.amazonaws.com, port: 3306 }
        method: socat
`;

test("AutoTunnel's configuration", async () => {
  expect(looksLikeAutoTunnel(autotunnel)).toBe(true);
  expect(await outcome(convertAutoTunnel(autotunnel))).toEqual({
    profile: `context = "eks-prod"
idle_timeout = "60m"

[http]
listen = "8989"
suffix = "k8s.localhost"

[routes]
"argocd.localhost" = "argocd/svc/argocd-server:443"
"grafana.localhost" = "monitoring/svc/grafana:3000"

[routes."debug.localhost"]
target = "shop/pod/debug-0:8080"
scheme = "https"

[tcp]
5432 = "databases/svc/postgresql:5432"

[tcp.3306]
target = "mydb.rds.amazonaws.com:3306"
via = "default/svc/backend-api"

[tcp.3307]
target = "other.rds.amazonaws.com:3306"
via = { pod = "default/jump", create = { image = "alpine/socat:1.8.0.3" } }
method = "socat"
`,
    left: [
      "auto_reload_config: a profile is always read again when it is saved",
      "http.k8s.routes.broken.localhost: it names no service or pod, or no port",
    ],
  });
});

test("several contexts stand beside their routes", async () => {
  const text =
    "http:\n  k8s:\n    routes:\n      a.localhost: { context: one, service: a, port: 80 }\n      b.localhost: { context: two, service: b, port: 80 }\n";
  expect((await outcome(convertAutoTunnel(text))).profile).toContain('context = "two"');
});

const script = `#!/bin/sh
set -e
# kubectl port-forward svc/old 1:1
kubectl port-forward -n shop svc/web 8080:80 &
kubectl --context=prod port-forward --namespace=db svc/postgresql 5432 >/dev/null 2>&1 & PID=$!
LANG=C /usr/local/bin/kubectl -nshop port-forward \\
    deployment/api --address 0.0.0.0 9000:http 9001:9090 || exit 1
kubectl port-forward web-0 7000:7000 --pod-running-timeout 1m; echo "kubectl port-forward svc/no 1:1"
kubectl port-forward svc/any :80
kubectl port-forward -n $NAMESPACE svc/var 8081:80
kubectl port-forward svc/web 8080:81
kubectl port-forward --as admin svc/as 8082:80
sudo kubefwd svc -n shop
trap "kill $PID" EXIT
`;

test("a shell script with port-forwards", async () => {
  expect(await outcome(convertScript(script))).toEqual({
    profile: `
[tcp]
8080 = "shop/svc/web:80"
9000 = "shop/deployment/api:http"
9001 = "shop/deployment/api:9090"
7000 = "pod/web-0:7000"
8082 = "svc/as:80"

[tcp.5432]
target = "db/svc/postgresql:5432"
context = "prod"
`.trimStart(),
    left: [
      "line 6: it listens on 0.0.0.0, and the route on this machine alone: expose says how",
      'line 9: ":80" takes any free local port, and a route has one of its own: kt add PORT TARGET',
      'line 10: "$NAMESPACE" is only known when the script runs: write what it stands for',
      "line 12: --as has no place in a profile, and is left out",
      "line 13: kubefwd forwards whole namespaces: kt up -n NAMESPACE serves every service of one",
      'line 11: "8080" is taken already, by line 4',
    ],
  });
});

describe("other files with port-forwards", () => {
  test.each([
    ["a Makefile", "db:\n\t@kubectl port-forward svc/db 5432:5432 # the database\n"],
    ["a Procfile", "db: kubectl port-forward svc/db 5432:5432\n"],
    ["one line with &&", "cd x && kubectl port-forward 'svc/db' \"5432:5432\" && echo done"],
    ["Windows line ends", "kubectl port-forward svc/db 5432:5432\r\n"],
    ["oc", "oc port-forward svc/db 5432"],
    ["a package.json", '{ "scripts": { "db": "kubectl port-forward svc/db 5432:5432" } }'],
    ["a command within one", '{ "scripts": { "db": "concurrently \\"kubectl port-forward svc/db 5432\\" \\"npm start\\"" } }'],
    ["bash -c", "bash -c 'while true; do kubectl port-forward svc/db 5432; done'"],
    ["a list of words", '  command: ["kubectl", "port-forward", "svc/db", "5432:5432"]'],
    ["a Dockerfile", "CMD ['kubectl','port-forward','svc/db','5432']"],
  ])("%s", async (_, text) => {
    expect(await outcome(convertScript(text))).toEqual({ profile: '\n[tcp]\n5432 = "svc/db:5432"\n'.trimStart(), left: [] });
  });
});

describe("a profile has one kubeconfig", () => {
  test("which every line of the script uses", async () => {
    for (const line of ["KUBECONFIG=/a kubectl port-forward svc/db 5432", "kubectl --kubeconfig=/a port-forward svc/db 5432"])
      expect(await outcome(convertScript(line))).toEqual({ profile: 'kubeconfig = "/a"\n\n[tcp]\n5432 = "svc/db:5432"\n', left: [] });
  });

  test("and what uses another is not led to the wrong cluster, but named", async () => {
    const lines =
      "kubectl port-forward svc/db 5432\nkubectl port-forward svc/web 80 --kubeconfig /a\nKUBECONFIG=/b kubectl port-forward svc/api 81";
    expect(await outcome(convertScript(lines))).toEqual({
      profile: '[tcp]\n5432 = "svc/db:5432"\n',
      left: [
        'line 2: it uses kubeconfig "/a", and the profile the usual kubeconfig: another profile can have it',
        'line 3: it uses kubeconfig "/b", and the profile the usual kubeconfig: another profile can have it',
      ],
    });
  });
});

test("what listens where all hostnames do, or on every address, is left out and named", async () => {
  const wide = await outcome(convertAutoTunnel('http:\n  listen: "0.0.0.0:8989"\n  k8s:\n    routes: {}\n'));
  expect(wide).toEqual({
    profile: "",
    left: ['http.listen: "0.0.0.0:8989" is reached from other machines, which takes expose = true under [http]'],
  });
  const front = await outcome(convertScript("kubectl port-forward svc/web 8989:80"));
  expect(front.left).toEqual(['line 1: "8989" is the port of all hostnames here: choose another one, or another [http] listen']);
});

test("whatever a script says, what comes out is a profile", async () => {
  const word = fc.oneof(
    fc.constantFrom("kubectl", "port-forward", "-n", "svc/web", "80:80", "&", "'", '"', "\\", "#", "--context", "x"),
    fc.string(),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(word), async (words) => void (await outcome(convertScript(`kubectl port-forward ${words.join(" ")}`)))),
  );
});
