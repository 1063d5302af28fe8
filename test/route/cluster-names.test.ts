/** Names that services have within their cluster, taken apart. */

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { readClusterName } from "#route/cluster-names.ts";

const web = { pod: undefined, service: "web", namespace: "shop" };

test.each([
  ["web.shop", web],
  ["web.shop.svc", web],
  ["web.shop.svc.cluster.local", web],
  ["db-0.db.shop.svc", { pod: "db-0", service: "db", namespace: "shop" }],
  ["db-0.db.shop.svc.cluster.local", { pod: "db-0", service: "db", namespace: "shop" }],
])("%s", (host, read) => {
  expect(readClusterName(host, "cluster.local")).toEqual(read);
});

describe("is none", () => {
  test.each([
    "web",
    "svc",
    "web.svc",
    "a.b.c",
    "a.b.c.d.svc",
    "web.shop.cluster.local",
    "web.shop.svc.other.domain",
    "-a.b",
    "a_b.c",
    ".shop",
    "web..svc",
    "",
  ])("%p", (host) => {
    expect(readClusterName(host, "cluster.local")).toBeUndefined();
  });
});

const label = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?$/);

test("what is written in any of the forms is read back", () => {
  fc.assert(
    fc.property(
      label,
      label,
      fc.option(label, { nil: undefined }),
      fc.constantFrom("svc", "svc.k8s.test"),
      (service, namespace, pod, end) => {
        const name = [pod, service, namespace, end].filter((part) => part !== undefined).join(".");
        expect(readClusterName(name, "k8s.test")).toEqual({ pod, service, namespace });
      },
    ),
  );
});
