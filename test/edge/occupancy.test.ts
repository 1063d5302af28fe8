/** The bounds of a public server on what may be open: in all, of one source, of one binding. */

import { expect, test } from "bun:test";
import { edgeLimits } from "#edge/limits.ts";
import { Occupancy } from "#edge/tcp/occupancy.ts";

test("one source has its bound, which leaves room for others, and all together have theirs", () => {
  const occupancy = new Occupancy();
  for (let count = 0; count < edgeLimits.tcpConnectionsPerSource; count++) expect(occupancy.enter("192.0.2.1")).toBeUndefined();
  expect(occupancy.enter("192.0.2.1")).toBe("sourceLimit");
  const left = edgeLimits.tcpConnections - edgeLimits.tcpConnectionsPerSource;
  for (let count = 0; count < left; count++) expect(occupancy.enter(`198.51.100.${count}`)).toBeUndefined();
  expect(occupancy.enter("203.0.113.1")).toBe("limit");
  occupancy.leave("192.0.2.1");
  expect(occupancy.enter("203.0.113.1")).toBeUndefined();
});

test("one binding has its bound, and nothing is kept of a binding without connections", () => {
  const occupancy = new Occupancy();
  for (let count = 0; count < edgeLimits.tcpConnectionsPerBinding; count++) expect(occupancy.enterBinding("x")).toBeUndefined();
  expect([occupancy.enterBinding("x"), occupancy.enterBinding("y")]).toEqual(["bindingLimit", undefined]);
  occupancy.leaveBinding("x");
  expect(occupancy.enterBinding("x")).toBeUndefined();
  occupancy.leaveBinding("y");
  expect([...occupancy.ofBindings]).toEqual([["x", edgeLimits.tcpConnectionsPerBinding]]);
});
