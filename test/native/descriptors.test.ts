/** The count of open descriptors, and the most there may be. */

import { closeSync, openSync } from "node:fs";
import { expect, test } from "bun:test";
import { descriptorLimit, linuxLimit, openDescriptors } from "#native/descriptors.ts";

test("counts what is open", () => {
  const before = openDescriptors();
  const opened = Array.from({ length: 20 }, () => openSync("/dev/null", "r"));
  expect(openDescriptors() - before).toBe(20);
  for (const descriptor of opened) closeSync(descriptor);
  expect(openDescriptors()).toBe(before);
  expect(descriptorLimit()).toBeGreaterThan(before);
});

test.each([
  ["Max open files            1024                 524288               files     ", 1024],
  ["Max open files            unlimited            unlimited            files     ", Number.POSITIVE_INFINITY],
  ["Max processes             1024                 1024                 processes ", Number.POSITIVE_INFINITY],
])("%s", (line, limit) => {
  expect(linuxLimit(`Limit                     Soft Limit           Hard Limit           Units     \n${line}\n`)).toBe(limit);
});
