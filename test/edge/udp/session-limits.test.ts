/** Who may begin a session, and whose makes room: floods of invented senders push out no client that was answered. */

import { expect, test } from "bun:test";
import { edgeLimits } from "#edge/limits.ts";
import { type Occupancy, SessionLimits } from "#edge/udp/session-limits.ts";
import { sourceOf } from "#edge/doors/source-of.ts";
import { UdpSession } from "#edge/udp/udp-session.ts";
import { ManualClock } from "#test/support/manual-clock.ts";
import { binding } from "./rig.ts";

function sessionOf(host: string, port: number, usedMs = 0): UdpSession {
  const nowhere = { port: { binding: undefined, forget() {} }, socket: undefined as never };
  return new UdpSession({ id: port, client: { host, port }, settings: binding(), usedMs, ...nowhere });
}

const roomy: Occupancy = { open: 0, ofPort: 0, clients: [], next: () => undefined };
/** Of a network of its own each. */
const stranger = (index: number): string => `10.${(index >> 16) & 255}.${(index >> 8) & 255}.${index & 255}`;

test("one source begins so many sessions a second, and another one still may", async () => {
  const clock = new ManualClock();
  const limits = new SessionLimits(clock);
  for (let port = 0; port < edgeLimits.newUdpSessionsPerSource; port++) {
    expect(limits.refusal("192.0.2.1")).toBeUndefined();
    limits.began(sessionOf("192.0.2.1", port));
  }
  expect(limits.refusal("192.0.2.1")).toBe("rate");
  expect(limits.refusal("192.0.2.2")).toBeUndefined();
  await clock.advance(1000);
  expect(limits.refusal("192.0.2.1")).toBeUndefined();
});

test("all together begin so many sessions a second", () => {
  const limits = new SessionLimits(new ManualClock());
  for (let index = 0; index < edgeLimits.newUdpSessions; index++) expect(limits.refusal(stranger(index))).toBeUndefined();
  expect(limits.refusal("192.0.2.2")).toBe("rate");
});

test("a source with as many as it may have loses the longest idle of its own", () => {
  const limits = new SessionLimits(new ManualClock());
  const sessions = Array.from({ length: edgeLimits.udpSessionsPerSource }, (_, port) => sessionOf("192.0.2.1", port, port === 3 ? 1 : 5));
  for (const session of sessions) limits.began(session);
  expect(limits.inTheWay("192.0.2.1", roomy)).toBe(sessions[3] as UdpSession);
  expect(limits.inTheWay("192.0.2.2", roomy)).toBeUndefined();
  limits.ended(sessions[3] as UdpSession);
  expect(limits.inTheWay("192.0.2.1", roomy)).toBeUndefined();
});

test("a flood of invented senders pushes out its own sessions, none that was answered", () => {
  const limits = new SessionLimits(new ManualClock());
  const real = sessionOf("192.0.2.1", 1);
  limits.began(real);
  limits.answered(real);
  const flood = Array.from({ length: edgeLimits.unansweredUdpSessions }, (_, index) => sessionOf(stranger(index), 9));
  for (const session of flood) limits.began(session);
  expect(limits.unanswered).toBe(flood.length);
  expect(limits.inTheWay("198.51.100.1", roomy)).toBe(flood[0] as UdpSession);
  limits.ended(flood[0] as UdpSession);
  expect(limits.inTheWay("198.51.100.1", roomy)).toBeUndefined();
  expect(limits.inTheWay("198.51.100.1", { ...roomy, open: edgeLimits.udpSessions })).toBe(flood[1] as UdpSession);
});

test("a binding with as many as it may have loses one of its own, and full of answered ones that which ends next", () => {
  const limits = new SessionLimits(new ManualClock());
  const [one, two] = [sessionOf("192.0.2.1", 1, 9), sessionOf("192.0.2.2", 1, 4)];
  expect(limits.inTheWay("192.0.2.3", { ...roomy, ofPort: edgeLimits.udpSessionsPerBinding, clients: [one, two] })).toBe(two);
  expect(limits.inTheWay("192.0.2.3", { ...roomy, open: edgeLimits.udpSessions, next: () => one })).toBe(one);
});

test("a network of IPv6 is one source, however many addresses it has", () => {
  expect(sourceOf("2001:db8:1:2::1")).toBe(sourceOf("2001:db8:1:2:ffff::9"));
  expect(sourceOf("2001:db8:1:2::1")).not.toBe(sourceOf("2001:db8:1:3::1"));
  expect(sourceOf("192.0.2.1")).toBe("192.0.2.1");
});
