/** What users see of each error code, and the groups of codes that tunnels and the cluster's watches go by. */

import { describe, expect, test } from "bun:test";
import { type ErrorCode, errorCodes, errorFacts, isAbout, mayCome } from "#base/error-facts.ts";
import { KtError } from "#base/errors.ts";
import { exitCodeFor } from "#cli/exit.ts";
import { refusalFor } from "#proxy/pages/refusal.ts";

/** Code, exit code, HTTP status, gRPC status: scripts and clients rely on them, so a change here is a change that users see. */
const seen: readonly (readonly [ErrorCode, number, number, number])[] = [
  ["usage", 2, 502, 14],
  ["profile-not-found", 2, 502, 14],
  ["profile-unreadable", 2, 502, 14],
  ["profile-unwritable", 2, 502, 14],
  ["profile-syntax", 2, 502, 14],
  ["profile-invalid", 2, 502, 14],
  ["profile-variable", 2, 502, 14],
  ["profile-cycle", 2, 502, 14],
  ["profile-exists", 2, 502, 14],
  ["profile-not-allowed", 2, 502, 14],
  ["route-unknown", 2, 502, 14],
  ["route-stopped", 1, 503, 14],
  ["route-conflict", 2, 502, 14],
  ["kubeconfig-unreadable", 3, 502, 14],
  ["context-unknown", 3, 502, 14],
  ["credentials-failed", 3, 502, 16],
  ["unauthorized", 3, 502, 16],
  ["forbidden", 3, 502, 7],
  ["cluster-unreachable", 3, 502, 14],
  ["cluster-error", 3, 502, 14],
  ["proxy-failed", 3, 502, 14],
  ["service-not-found", 1, 502, 5],
  ["service-external", 1, 502, 12],
  ["workload-not-found", 1, 502, 5],
  ["pod-not-found", 1, 502, 5],
  ["container-not-found", 1, 502, 5],
  ["port-not-found", 1, 502, 5],
  ["no-ready-pod", 1, 503, 14],
  ["jump-pod-failed", 1, 502, 14],
  ["relay-missing", 1, 502, 12],
  ["relay-failed", 1, 502, 14],
  ["reverse-failed", 1, 502, 14],
  ["port-refused", 1, 502, 14],
  ["jump-no-tool", 1, 502, 14],
  ["target-not-found", 1, 502, 5],
  ["target-refused", 1, 502, 14],
  ["target-unreachable", 1, 504, 14],
  ["backend-invalid", 1, 502, 14],
  ["backend-tls", 1, 502, 14],
  ["backend-certificate", 1, 502, 14],
  ["unhealthy", 1, 502, 14],
  ["connection-lost", 1, 502, 14],
  ["start-timeout", 1, 504, 4],
  ["answer-timeout", 1, 504, 4],
  ["overloaded", 1, 503, 14],
  ["host-missing", 1, 400, 3],
  ["host-unknown", 1, 404, 5],
  ["host-ambiguous", 1, 404, 3],
  ["name-refused", 1, 403, 7],
  ["too-many-names", 1, 429, 8],
  ["origin-refused", 1, 403, 7],
  ["client-certificate", 1, 403, 7],
  ["request-invalid", 1, 400, 3],
  ["request-timeout", 1, 408, 4],
  ["plain-http", 1, 400, 9],
  ["request-too-large", 1, 431, 14],
  ["token-required", 1, 401, 16],
  ["page-unknown", 1, 404, 5],
  ["misdirected", 1, 421, 14],
  ["ssh-unreachable", 1, 502, 14],
  ["ssh-host-key", 1, 502, 14],
  ["ssh-credentials", 2, 502, 14],
  ["ssh-login", 1, 502, 14],
  ["ssh-no-root", 1, 502, 14],
  ["ssh-failed", 1, 502, 14],
  ["host-unfit", 1, 502, 14],
  ["hub-unreachable", 1, 502, 14],
  ["hub-failed", 1, 502, 14],
  ["port-taken", 1, 502, 14],
  ["listen-failed", 1, 502, 14],
  ["browser-missing", 1, 502, 14],
  ["file-unwritable", 1, 502, 14],
  ["authority-unusable", 1, 500, 14],
  ["service-unavailable", 1, 502, 14],
  ["service-failed", 1, 502, 14],
  ["state-failed", 1, 502, 14],
  ["wireguard-missing", 1, 502, 14],
  ["wireguard-failed", 1, 502, 14],
  ["protocol", 1, 502, 14],
  ["shutting-down", 1, 503, 14],
  ["internal", 1, 500, 13],
];

function grpcStatusOf(error: KtError): number {
  const { headers } = refusalFor(error, { accept: undefined, grpc: true, host: undefined });
  return Number(new Map(headers).get("Grpc-Status"));
}

describe("each code", () => {
  test.each(seen)("%s ends commands with %d, HTTP with %d and gRPC with %d", (code, exit, http, grpc) => {
    const error = new KtError(code, "x");
    expect(exitCodeFor(code)).toBe(exit);
    expect(refusalFor(error, { accept: undefined, grpc: false, host: undefined }).status).toBe(http);
    expect(grpcStatusOf(error)).toBe(grpc);
  });

  test("stands in that list", () => {
    expect(seen.map(([code]) => code)).toEqual([...errorCodes]);
  });
});

const codesThat = (is: (code: ErrorCode) => boolean): string => errorCodes.filter(is).join(" ");

describe("the codes that", () => {
  test("a pod may still come for", () => {
    expect(codesThat(mayCome)).toBe("no-ready-pod start-timeout");
  });

  test("are answered at once, since waiting mends nothing", () => {
    const behind = errorCodes.filter((code) =>
      isAbout(code, "kubeconfig", "login", "permission", "way", "cluster", "absence", "pod", "target"),
    );
    expect(behind.filter((code) => errorFacts[code].waitHelps === "no").join(" ")).toBe(
      "kubeconfig-unreadable context-unknown credentials-failed unauthorized forbidden service-not-found service-external workload-not-found container-not-found port-not-found relay-missing jump-no-tool backend-certificate",
    );
  });

  test("no other pod would do better with", () => {
    const behind = errorCodes.filter((code) => !isAbout(code, "command", "profile", "client", "machine", "host", "kt"));
    expect(behind.filter((code) => !errorFacts[code].otherPodHelps).join(" ")).toBe(
      "kubeconfig-unreadable context-unknown credentials-failed unauthorized forbidden cluster-unreachable proxy-failed relay-missing reverse-failed target-not-found target-refused target-unreachable answer-timeout",
    );
  });

  test("name something that the cluster does not have", () => {
    expect(codesThat((code) => isAbout(code, "absence"))).toBe(
      "service-not-found service-external workload-not-found pod-not-found port-not-found",
    );
  });

  test("say that no request can succeed for now", () => {
    expect(codesThat((code) => isAbout(code, "kubeconfig", "login", "way"))).toBe(
      "kubeconfig-unreadable context-unknown credentials-failed unauthorized cluster-unreachable proxy-failed",
    );
  });

  test("are about a profile's text, and are shown as kt check does", () => {
    expect(codesThat((code) => isAbout(code, "profile"))).toBe(codesThat((code) => code.startsWith("profile-")));
  });
});
