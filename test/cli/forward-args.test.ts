/** The arguments of `kt forward`: every form that kubectl documents, and a hint for what is none. */

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { KtError } from "#base/errors.ts";
import { exposedHosts, readForward, readRequestTimeout } from "#cli/asked/forward-args.ts";
import type { ForwardRequest } from "#daemon/ad-hoc-forward.ts";

interface Options {
  readonly namespace?: string;
  readonly context?: string;
  readonly addresses?: readonly string[];
  readonly timeout?: string;
}

function read(line: string, { namespace, context, addresses = [], timeout }: Options = {}): ForwardRequest {
  return readForward({ args: line.split(" "), namespace, context, addresses, timeout });
}

/** `pod/web 8080->80 *->http`, with "=" for a local port that is the remote one. */
function shown({ kind, namespace, name, ports }: ForwardRequest): string {
  const local = (port: number | undefined): string => (port === undefined ? "=" : port === 0 ? "*" : String(port));
  return [`${namespace ?? ""}/${kind}/${name}`, ...ports.map((port) => `${local(port.local)}->${port.remote}`)].join(" ");
}

function refusal(line: string, options?: Options): KtError {
  try {
    read(line, options);
  } catch (error) {
    if (error instanceof KtError) return error;
  }
  throw new Error(`"${line}" was taken`);
}

test("--request-timeout is in seconds where it has no unit, and 0 is kt's own bound", () => {
  expect(["30", "30s", "1m", "0", "0s", undefined].map(readRequestTimeout)).toEqual([
    30_000,
    30_000,
    60_000,
    undefined,
    undefined,
    undefined,
  ]);
});

describe("the forms of kubectl port-forward", () => {
  test.each([
    ["pod/mypod 5000 6000", "/pod/mypod =->5000 =->6000"],
    ["mypod 5000", "/pod/mypod =->5000"],
    ["deployment/mydeployment 5000 6000", "/deployment/mydeployment =->5000 =->6000"],
    ["service/myservice 8443:https", "/service/myservice 8443->https"],
    ["pod/mypod 8888:5000", "/pod/mypod 8888->5000"],
    ["pod/mypod :5000", "/pod/mypod *->5000"],
    ["pod/mypod 0:5000", "/pod/mypod *->5000"],
    ["svc/web http", "/service/web =->http"],
    ["svc/web :http 8081:81 82", "/service/web *->http 8081->81 =->82"],
    ["sts/db 5432", "/statefulset/db =->5432"],
    ["rs/web-1 80", "/replicaset/web-1 =->80"],
    ["daemonsets/agent :9100", "/daemonset/agent *->9100"],
    ["job/migrate :8080", "/job/migrate *->8080"],
    // What kubectl prints with -o name.
    ["deployment.apps/web :80", "/deployment/web *->80"],
    // A profile's form.
    ["shop/svc/web :80", "shop/service/web *->80"],
    // A pod may be called like a kind.
    ["svc :80", "/pod/svc *->80"],
    // Two free ones do not clash.
    ["svc/web :80 :80", "/service/web *->80 *->80"],
  ])("%s", (line, want) => {
    expect(shown(read(line))).toBe(want);
  });

  test("a namespace and a context", () => {
    expect(read("svc/web :80", { namespace: "shop", context: "prod" })).toMatchObject({ namespace: "shop", context: "prod" });
    expect(read("svc/web :80")).toMatchObject({ namespace: undefined, context: undefined });
    expect(read("shop/svc/web :80", { namespace: "shop" }).namespace).toBe("shop");
  });

  test.each([
    [[], ["127.0.0.1", "::1"]],
    [["localhost"], ["127.0.0.1", "::1"]],
    [["0.0.0.0"], ["0.0.0.0"]],
    [["localhost,10.19.21.23"], ["127.0.0.1", "::1", "10.19.21.23"]],
    [
      ["127.0.0.1", "::1, localhost"],
      ["127.0.0.1", "::1"],
    ],
    [["[::1]"], ["::1"]],
    [["::"], ["::"]],
  ])("--address %j", (addresses, hosts) => {
    expect(read("svc/web 80", { addresses }).hosts).toEqual(hosts);
  });

  test("addresses that others reach are known", () => {
    expect(exposedHosts(read("svc/web 80"))).toEqual([]);
    expect(exposedHosts(read("svc/web 80", { addresses: ["127.0.0.9,0.0.0.0,10.0.0.5,::"] }))).toEqual(["0.0.0.0", "10.0.0.5", "::"]);
  });

  test.each([
    [undefined, 60_000],
    ["1m0s", 60_000],
    ["5s", 5000],
    ["1h", 3_600_000],
  ])("--pod-running-timeout %p", (timeout, readyTimeoutMs) => {
    expect(read("svc/web 80", timeout === undefined ? {} : { timeout }).readyTimeoutMs).toBe(readyTimeoutMs);
  });
});

describe("what is none of them", () => {
  test.each<[string, Options, string, string]>([
    ["svc/web", {}, "kt forward svc/web needs a port", "kt forward svc/web 8080:80"],
    ["svc/web:80", {}, '"svc/web:80" has its port after a colon', "kt forward svc/web :80"],
    ["deply/web 80", {}, 'target "deply/web" has the kind "deply", which kt does not know', 'did you mean "deploy/web"?'],
    ["shop/x/web 80", {}, 'target "shop/x/web" has the kind "x", which kt does not know', 'write "shop/svc/web"'],
    [
      "svc/shop/web 80",
      {},
      'target "svc/shop/web" has the kind "shop", which kt does not know',
      'write "shop/svc/web": the namespace comes first',
    ],
    ["svc/Web 80", {}, 'target "svc/Web" has the service name "Web", which Kubernetes cannot have', 'write "web"'],
    ["svc/web 80", { namespace: "a/../b" }, '"a/../b" is not a valid namespace name', "lower case letters, digits and dashes"],
    ["svc/web 80", { namespace: "Shop" }, '"Shop" is not a valid namespace name', "lower case letters, digits and dashes"],
    ["Web 80", {}, 'target "Web" has the pod name "Web", which Kubernetes cannot have', 'write "web"'],
    [" 80", {}, '"" is neither TYPE/NAME nor the name of a pod', "kt forward svc/web :80"],
    ["shop/svc/web 80", { namespace: "prod" }, '"shop/svc/web" is in another namespace than "prod"', "name the namespace once"],
    ["svc/web 1:2:3", {}, '"1:2:3" is not of the form [LOCAL:]REMOTE', "for example 8080:80, 8080, :80 or 8080:http"],
    ["svc/web :", {}, '":" is not of the form [LOCAL:]REMOTE', "for example 8080:80, 8080, :80 or 8080:http"],
    ["svc/web 8080:", {}, '"8080:" is not of the form [LOCAL:]REMOTE', "for example 8080:80, 8080, :80 or 8080:http"],
    ["svc/web 8080:0", {}, '"8080:0" has the remote port "0", which is not a valid port', "for example 8080:80, 8080, :80 or 8080:http"],
    ["svc/web HTTP", {}, '"HTTP" has the remote port "HTTP", which is not a valid port', "for example 8080:80, 8080, :80 or 8080:http"],
    ["svc/web 70000:80", {}, '"70000:80" has the local port "70000", which is not a number from 0 to 65535', "kt forward svc/web :80"],
    ["svc/web http:80", {}, '"http:80" has the local port "http", which is not a number from 0 to 65535', "kt forward svc/web :80"],
    ["svc/web 8080:80 8080:81", {}, "local port 8080 is requested twice", 'write "8080:81" as ":81", for a free one'],
    ["svc/web 80 80", {}, "local port 80 is requested twice", 'write "80" as ":80", for a free one'],
    ["svc/web 80", { addresses: ["bogus"] }, '--address "bogus" is not an IP address', "--address localhost"],
    ["svc/web 80", { addresses: [""] }, '--address "" is not an IP address', "--address localhost"],
    ["svc/web 80", { timeout: "abc" }, '"abc" is not a valid duration', 'for example "30s", "60m" or "1h30m"'],
    ["svc/web 80", { timeout: "0s" }, "--pod-running-timeout 0s would not wait for any pod", "--pod-running-timeout 1m"],
  ])("%s %j", (line, options, message, hint) => {
    expect(refusal(line, options)).toMatchObject({ code: "usage", message, hints: expect.arrayContaining([hint]) });
  });

  test("is refused as wrong usage with a hint, whatever it is", () => {
    const word = fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom(":", "/", "svc", "web", "8", "0", "-", "."), maxLength: 7 }));
    fc.assert(
      fc.property(fc.array(word, { minLength: 1, maxLength: 4 }), fc.array(word, { maxLength: 2 }), (args, addresses) => {
        try {
          const { ports, hosts } = readForward({ args, namespace: undefined, context: undefined, addresses, timeout: undefined });
          expect(ports.length).toBe(args.length - 1);
          expect(hosts.length).toBeGreaterThan(0);
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(KtError);
          expect(thrown).toMatchObject({ code: "usage", hints: expect.arrayContaining([expect.any(String)]) });
        }
      }),
    );
  });
});

test("every form of a port is read as it was meant", () => {
  const number = fc.integer({ min: 1, max: 65535 });
  const name = fc.stringMatching(/^[a-z]([a-z0-9]{0,8}[a-z])?$/);
  const local = fc.option(fc.integer({ min: 0, max: 65535 }), { nil: undefined });
  fc.assert(
    fc.property(fc.oneof(number, name), local, (remote, given) => {
      const text = given === undefined ? `${remote}` : `${given}:${remote}`;
      expect(read(`svc/web ${text}`).ports).toEqual([{ local: given, remote }]);
    }),
  );
});
