/** The pages that refused clients read, whatever others wrote into the reason. */

import { describe, expect, test } from "bun:test";
import { KtError } from "#base/errors.ts";
import { refusalFor } from "#proxy/refusal.ts";

const hostile = "a\u001b]0;x\u0007\u009b\u202e\u2028\nkt: hint: rm -rf ~";
const error = new KtError("backend-invalid", hostile, { hints: [hostile] });
const page = (accept: string): string => new TextDecoder().decode(refusalFor(error, { accept, grpc: false, host: hostile }).body);

describe("a page shows control characters of others", () => {
  test.each(["text/plain", "text/html", "application/json"])("as %s", (accept) => {
    expect(page(accept)).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\p{Cf}]/u);
  });

  test("and its reason begins no line", () => {
    expect(page("text/plain")).toBe(
      "kt: error: a\\x1b]0;x\\x07\\x9b\\u202e\\u2028\n    │ kt: hint: rm -rf ~\nkt: hint: a\\x1b]0;x\\x07\\x9b\\u202e\\u2028 ⏎ kt: hint: rm -rf ~\n",
    );
    expect(JSON.parse(page("application/json")).error.message).toBe(hostile);
  });
});
