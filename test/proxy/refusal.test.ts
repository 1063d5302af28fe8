/** The pages that refused clients read, whatever others wrote into the reason. */

import { describe, expect, test } from "bun:test";
import { KtError } from "#base/errors.ts";
import { refusalFor } from "#proxy/pages/refusal.ts";

const hostile = "a\u001b]0;x\u0007\u009b\u202e\u2028\nkt: hint: rm -rf ~";
const error = new KtError("backend-invalid", hostile, { hints: [hostile] });
const page = (accept: string): string => new TextDecoder().decode(refusalFor(error, { accept, grpc: false, host: hostile }).body);

describe("an error page", () => {
  const html = (hints: readonly string[], host: string): string =>
    new TextDecoder().decode(refusalFor(new KtError("host-unknown", "no <b>", { hints }), { accept: "text/html", grpc: false, host }).body);

  test("links the names that it offers, at the port of its own", () => {
    const page = html(['did you mean "web.localhost"?', "routes here: a.localhost, b.shop.test, and 3 more"], "wbe.localhost:8989");
    for (const name of ["web.localhost", "a.localhost", "b.shop.test"]) expect(page).toContain(`<a href="//${name}:8989/">${name}</a>`);
    expect(page).toContain('<a href="http://localhost:8989/errors/host-unknown">');
  });

  test("makes blocks of commands and links of addresses, and nothing of markup", () => {
    const page = html(["kubectl get pods -n 'a b'", "open http://a.localhost:1/x<y>. Then more", "ktx is unknown"], "a.localhost");
    expect(page).toContain('<pre tabindex="0"><code>kubectl get pods -n &#39;a b&#39;</code></pre>');
    expect(page).toContain('<a href="http://a.localhost:1/x" rel="noreferrer noopener">http://a.localhost:1/x</a>&#60;y&#62;. Then more');
    expect(page).toContain("<li>ktx is unknown</li>");
    expect(page).toContain("no &#60;b&#62;");
    expect(html(["javascript:alert(1)"], "a")).not.toContain('href="javascript');
  });

  test("under kt's own names, as on a bare port, has no link to itself", () => {
    expect(html([], "localhost:15432")).not.toContain("/errors/");
  });

  test("looks again by itself only for a pod that may come, and only where a browser shows it", () => {
    const waits = (code: "no-ready-pod" | "forbidden", navigates: boolean): boolean =>
      new TextDecoder()
        .decode(refusalFor(new KtError(code, "x"), { accept: "text/html", grpc: false, host: "a", navigates }).body)
        .includes('http-equiv="refresh"');
    expect([waits("no-ready-pod", true), waits("no-ready-pod", false), waits("forbidden", true)]).toEqual([true, false, false]);
  });
});

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
