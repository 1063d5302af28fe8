/** Clusters are shared by equal views, and closed when no profile that used them is attached. */

import { expect, test } from "bun:test";
import { KtError } from "#base/errors.ts";
import { silentLog } from "#base/log.ts";
import { Clusters } from "#daemon/plans/clusters.ts";
import type { OpenClusterOptions } from "#kube/kube-cluster.ts";
import type { KtEvent } from "#observe/events.ts";
import { FakeCluster } from "#test/support/fake-cluster.ts";
import { ManualClock } from "#test/support/manual-clock.ts";

class NamedCluster extends FakeCluster {
  closed = false;

  override close(): void {
    super.close();
    this.closed = true;
  }
}

function setup(environments: Record<string, Record<string, string>>) {
  const opened: { options: OpenClusterOptions; cluster: NamedCluster }[] = [];
  const events: KtEvent[] = [];
  const failure: { error: KtError | undefined } = { error: undefined };
  const clusters = new Clusters({
    open(options) {
      if (failure.error) throw failure.error;
      const cluster = new NamedCluster();
      opened.push({ options, cluster });
      return cluster;
    },
    viewOf: (profile) => ({ kubeconfig: ["/k"], strangers: {}, environment: environments[profile] ?? {} }),
    clock: new ManualClock(),
    log: silentLog,
    report: (event) => events.push(event),
  });
  return { clusters, opened, events, failure };
}

test("profiles whose shells differ only in noise share one cluster", () => {
  const { clusters, opened } = setup({
    a: { AWS_PROFILE: "x", PWD: "/a", SHLVL: "1" },
    b: { SHLVL: "2", PWD: "/b", AWS_PROFILE: "x" },
    c: { AWS_PROFILE: "y" },
  });
  const [a, b, c] = ["a", "b", "c"].map((profile) => clusters.for({ profile, context: "fake" }));
  expect(a === b).toBe(true);
  expect(a === c).toBe(false);
  expect(opened).toHaveLength(2);
});

test("without a context, the current one of that moment stays", () => {
  const { clusters, opened } = setup({ a: {} });
  const current = clusters.for({ profile: "a", context: undefined });
  expect(clusters.for({ profile: "a", context: "fake" }) === current).toBe(true);
  expect(opened.map(({ options, cluster }) => [options.context, cluster.closed])).toEqual([
    [undefined, true],
    ["fake", false],
  ]);
});

test("what failed to open is tried again", () => {
  const { clusters, failure } = setup({ a: {} });
  failure.error = new KtError("context-unknown", "no context");
  expect(() => clusters.for({ profile: "a", context: "x" })).toThrow(KtError);
  failure.error = undefined;
  expect(clusters.for({ profile: "a", context: "x" }).context).toBe("fake");
});

test("closes what no attached profile has used, also after a change of view", () => {
  const environments: Record<string, Record<string, string>> = { a: { AWS_PROFILE: "x" }, b: { AWS_PROFILE: "x" } };
  const { clusters, opened } = setup(environments);
  clusters.for({ profile: "a", context: "fake" });
  clusters.for({ profile: "b", context: "fake" });
  environments["a"] = { AWS_PROFILE: "y" };
  clusters.for({ profile: "a", context: "fake" });
  clusters.retain(new Set(["a"]));
  expect(opened.map(({ cluster }) => cluster.closed)).toEqual([false, false]);
  clusters.retain(new Set(["b"]));
  expect(opened.map(({ cluster }) => cluster.closed)).toEqual([false, true]);
  clusters.close();
  expect(opened.map(({ cluster }) => cluster.closed)).toEqual([true, true]);
});

test("says when a cluster stops answering", () => {
  const { clusters, opened, events } = setup({ a: {} });
  clusters.for({ profile: "a", context: "fake" });
  opened[0]?.options.onReachable(false, new KtError("cluster-unreachable", "connection refused"));
  expect(events).toMatchObject([{ type: "cluster", context: "fake", reachable: false, problem: { message: "connection refused" } }]);
});
