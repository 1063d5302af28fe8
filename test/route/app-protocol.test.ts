/** Which scheme a service's appProtocol stands for, and when it counts. */

import { expect, test } from "bun:test";
import { asTheClusterSays, schemeOfAppProtocol } from "#route/app-protocol.ts";
import { webRoute } from "#test/support/pod-front.ts";

test.each([
  ["https", "https"],
  ["HTTPS", "https"],
  ["http", "http"],
  ["kubernetes.io/h2c", "http"],
  ["Kubernetes.io/WSS", "https"],
  ["kubernetes.io/ws", "http"],
  ["ws", "http"],
  ["wss", "https"],
  ["grpc", "http"],
  ["tcp", undefined],
  ["mysql", undefined],
  ["example.com/https", undefined],
  ["constructor", undefined],
  ["", undefined],
  [undefined, undefined],
] as const)("%p is %p", (text, scheme) => {
  expect(schemeOfAppProtocol(text)).toBe(scheme);
});

test.each([
  ["a silent profile", { forwarded: true, schemeGiven: false }, "https"],
  ["a profile that says http", { forwarded: true, schemeGiven: true }, "http"],
])("with %s", (_, manner, scheme) => {
  expect(asTheClusterSays({ ...webRoute, manner }, "https").scheme).toBe(scheme as "http" | "https");
  expect(asTheClusterSays({ ...webRoute, manner }, undefined).scheme).toBe("http");
});
