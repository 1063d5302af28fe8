/** What is kept of the API server's refusals for those who go by its words. */

import { describe, expect, test } from "bun:test";
import { answerProblem } from "#kube/api/api-problem.ts";

const access = { verb: "create", resource: "pods/exec", group: "", namespace: "shop", name: "web-1" } as const;
const requester = { context: "dev", server: "https://k8s.test:6443", user: "ann" };

const answer = (status: number, body: string) =>
  ({ head: { status, reason: "Whatever", version: "1.1", headers: [], upgrade: undefined }, body }) as unknown as Parameters<
    typeof answerProblem
  >[0];

describe("the server's words", () => {
  test.each([400, 401, 403, 404, 409, 500, 503])("are none of ours at %d, and begin in lower case", (status) => {
    const message = 'A container name must be specified for pod "web-1"';
    const problem = answerProblem(answer(status, JSON.stringify({ kind: "Status", message })), access, requester);
    expect(problem.words).toBe('a container name must be specified for pod "web-1"');
    expect([problem.status, problem.fromKubernetes]).toEqual([status, true]);
  });

  test.each([401, 404, 502])("of an answer without a Status are the status line at %d", (status) => {
    expect(answerProblem(answer(status, "<html>"), access, requester)).toMatchObject({
      words: `${status} Whatever`,
      fromKubernetes: false,
    });
  });
});
