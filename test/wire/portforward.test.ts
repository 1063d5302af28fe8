/** Port-forward headers, and the error texts that real kubelets and container runtimes send. */

import { describe, expect, test } from "bun:test";
import { parseForwardFailure, parseStreamHeaders, streamHeaders } from "#wire/portforward.ts";

const sandbox = "9e11e853a89c052e934d68d0ba999f0dc1e3c88ee7d0d9d6cd70fde4146f81f3";
const inNamespace = `failed to execute portforward in network namespace "/var/run/netns/cni-ce9377b5-f547-1e9e-5d2f-657c4677dc56"`;
const ipv6 = "IPv6 dial tcp6: address localhost: no suitable address found ";
const connecting = (port: number): string => `${inNamespace}: failed to connect to localhost:${port} inside namespace "${sandbox}", IPv4`;

describe("stream headers", () => {
  test.each(["error", "data"] as const)("of the %s stream are read back", (kind) => {
    expect(parseStreamHeaders(streamHeaders(kind, 8080, "7"))).toEqual({ kind, port: 8080, requestId: "7" });
  });

  test.each([
    ["another kind", { streamtype: "stdin", port: "80", requestid: "1" }],
    ["no kind", { port: "80", requestid: "1" }],
    ["no port", { streamtype: "data", requestid: "1" }],
    ["port 0", { streamtype: "data", port: "0", requestid: "1" }],
    ["port 65536", { streamtype: "data", port: "65536", requestid: "1" }],
    ["a named port", { streamtype: "data", port: "http", requestid: "1" }],
    ["no request", { streamtype: "data", port: "80" }],
  ])("with %s are none", (_, headers) => {
    expect(parseStreamHeaders(new Map(Object.entries(headers)))).toBeUndefined();
  });
});

describe("error texts", () => {
  test.each([
    ["containerd", "refused", `${connecting(9)}: dial tcp4 127.0.0.1:9: connect: connection refused ${ipv6}`],
    ["containerd", "reset", `${connecting(7004)}: dial tcp4 127.0.0.1:7004: connect: connection reset by peer ${ipv6}`],
    ["containerd", "reset", `${inNamespace}: read tcp4 127.0.0.1:39584->127.0.0.1:8080: read: connection reset by peer`],
    ["containerd", "reset", `${inNamespace}: writeto tcp4 127.0.0.1:39584->127.0.0.1:8080: write tcp4: write: broken pipe`],
    ["containerd", "timed-out", `${connecting(81)}: dial tcp4 127.0.0.1:81: connect: connection timed out ${ipv6}`],
    ["containerd", "pod-gone", `network namespace for sandbox "${sandbox}" is closed`],
    ["containerd", "pod-gone", `failed to find sandbox "${sandbox}" in store: not found`],
    ["containerd", "pod-gone", `sandbox container "${sandbox}" is not running`],
    ["containerd", "exhausted", `${connecting(81)}: dial tcp4 127.0.0.1:81: socket: too many open files ${ipv6}`],
    ["cri-dockerd", "refused", "exit status 1: 2024/01/02 03:04:05 socat[123] E connect(5, AF=2 127.0.0.1:9, 16): Connection refused"],
    ["cri-dockerd", "pod-gone", `container not running (${sandbox})`],
    ["cri-dockerd", "other", "unable to do port forwarding: socat not found"],
  ] as const)("of %s: %s", (_, kind, own) => {
    const text = `error forwarding port 9 to pod ${sandbox}, uid : ${own}`;
    expect(parseForwardFailure(text)).toEqual({ kind, text: own.trim() });
  });

  test("of kubelet: its own time-out, without the prefix", () => {
    const text = "(conn=0xc000a1c000, request=0) timed out waiting for streams";
    expect(parseForwardFailure(text)).toEqual({ kind: "timed-out", text });
  });
});
