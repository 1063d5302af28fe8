/** Targets that no profile names: the contexts they reach, and the API server behind other names. */

import { beforeEach, describe, expect, test } from "bun:test";
import { KtError } from "#base/errors.ts";
import { daemonLimits } from "#daemon/limits.ts";
import { type DerivedTarget, DerivedTargets } from "#daemon/plans/derived-targets.ts";
import { memoryPair } from "#test/support/memory-conn.ts";
import type { Link } from "#proxy/door/dialer.ts";
import { ManualClock } from "#test/support/manual-clock.ts";

const never = new AbortController().signal;

function derived(name: string, context = "dev", mustBeCurrent = false): DerivedTarget {
  return { kind: "service", cluster: { profile: "/p", context }, namespace: "shop", name, port: 80, derived: { mustBeCurrent } };
}

let targets: DerivedTargets;
let problem: KtError | undefined;
let pod = "web-0";
let dials = 0;

beforeEach(() => {
  [problem, pod, dials] = [undefined, "web-0", 0];
  targets = new DerivedTargets({
    clusterFor: ({ context }) => ({ context: context ?? "current" }),
    dial: async (): Promise<Link> => {
      dials += 1;
      if (problem) throw problem;
      return { conn: memoryPair()[0], pod, usable: () => true, park() {}, unpark() {} };
    },
    clock: new ManualClock(),
  });
});

const codeOf = (target: DerivedTarget): Promise<string> =>
  targets.dial(target, never).then(
    () => "dialled",
    (error: unknown) => (error instanceof KtError ? error.code : String(error)),
  );

describe("a context that no profile names", () => {
  test("is reached when it is the current one", async () => {
    expect(await codeOf(derived("web", "current", true))).toBe("dialled");
  });

  test("is refused otherwise, without a look at its cluster", async () => {
    expect(await codeOf(derived("web", "prod", true))).toBe("name-refused");
    expect(dials).toBe(0);
  });
});

test("the API server is refused behind a service of another name", async () => {
  pod = "kube-apiserver-node1";
  expect(await codeOf(derived("innocent"))).toBe("name-refused");
});

test("names that lead nowhere are slowed down, those that were answered are not", async () => {
  expect(await codeOf(derived("good"))).toBe("dialled");
  problem = new KtError("service-not-found", "no");
  for (let at = 0; at < daemonLimits.newNames; at++) await codeOf(derived(`none-${at}`));
  const waiting = new AbortController();
  const late = targets.dial(derived("late"), waiting.signal);
  problem = undefined;
  expect(await codeOf(derived("good"))).toBe("dialled");
  waiting.abort(new KtError("connection-lost", "left"));
  expect(late).rejects.toThrow("left");
});

test("where several ports could be meant, each is offered by a name that leads there", async () => {
  problem = new KtError("port-not-found", "none is meant", { hints: ["its ports are: 80, 9090"], ports: [80, 9090] });
  const asked = async (context: string | undefined): Promise<unknown> => {
    const nameOf = { service: "web.svc.shop.ns", context, suffix: "k8s.localhost" };
    const target = { ...derived("web"), derived: { mustBeCurrent: false, otherwise: { called: "http", nameOf } } };
    return await targets.dial(target, never).catch((error: KtError) => error.hints);
  };
  const names = (context: string): string =>
    `by name: 80.web.svc.shop.ns.${context}.cx.k8s.localhost, 9090.web.svc.shop.ns.${context}.cx.k8s.localhost`;
  expect(await asked("short")).toEqual(["its ports are: 80, 9090", names("short")]);
  expect(await asked(undefined)).toEqual(["its ports are: 80, 9090", names("dev")]);
});
