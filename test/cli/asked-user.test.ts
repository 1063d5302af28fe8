/** Which user is meant where root is called by a tool. */

import { expect, test } from "bun:test";
import { askedUser, rootsCaller } from "#cli/asked/asked-user.ts";

const example = "kt setup --user 1000";
const numberOf = (name: string): string => (name === "ann" ? "1000" : "");

test.each([
  ["sudo", { SUDO_UID: "1000", SUDO_USER: "ann" }],
  ["pkexec", { PKEXEC_UID: "1000" }],
  ["doas, which has only the name", { DOAS_USER: "ann" }],
])("who called root by %s is the user that is meant", (_tool, environment) => {
  expect(rootsCaller(environment, numberOf)).toBe("1000");
});

test("a root that logged in was not called by a user", () => {
  expect(rootsCaller({ USER: "root" }, numberOf)).toBeUndefined();
});

test("a user that is given counts, and must be a number", () => {
  expect(askedUser("1234", example)).toBe(1234);
  expect(() => askedUser("ann", example)).toThrow('"ann" is not the number of a user');
});
