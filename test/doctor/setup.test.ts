/** What kt doctor says of kt setup: nothing is wrong that is neither set up nor needed. */

import { expect, test } from "bun:test";
import { judgeSetup, type SetupFacts } from "#doctor/setup.ts";

const absent: SetupFacts = { states: { names: "absent", dns: "absent", ports: "absent", addresses: "absent" }, needs: {}, firstPort: 0 };

test("what is absent and not needed is fine, and does not hide what the other findings of that check say", () => {
  expect(judgeSetup(absent).map(({ check, verdict }) => `${check} ${verdict}`)).toEqual(["dns ok", "addresses ok"]);
});

test("what is in place is fine, what is half done is broken, and what is needed is a warning: each with its command", () => {
  const states = { names: "done", dns: "partial", ports: "partial", addresses: "absent" } as const;
  const findings = judgeSetup({ states, needs: { addresses: "this Mac has no such address" }, firstPort: 1024 });
  expect(findings.map(({ check, verdict, fixes }) => [check, verdict, ...fixes])).toEqual([
    ["names", "ok"],
    ["dns", "broken", "kt setup dns", "kt setup dns --undo"],
    ["ports", "broken", "kt setup ports", "kt setup ports --undo"],
    ["addresses", "warn", "kt setup addresses"],
  ]);
});

test("low ports that kt has not are reported where services are forwarded, without a warning", () => {
  const [ports] = judgeSetup({ ...absent, firstPort: 1024 }).filter(({ check }) => check === "ports");
  expect(ports).toMatchObject({ verdict: "ok", text: expect.stringContaining("below 1024 are others here, as 8080 for 80") });
});
