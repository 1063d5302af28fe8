/** Whether what `kt setup` can do for this machine is done, whole, and needed by the profile. */

import { command } from "#base/shell.ts";
import type { Surroundings } from "#control/socket-path.ts";
import { ownCommand } from "#daemon/process/own-process.ts";
import { readDnsWiring } from "#host/names/dns-wiring.ts";
import { type PartName, setupPart } from "#host/setup/setup-parts.ts";
import { isDone } from "#host/steps/setup-step.ts";
import { firstFreePort } from "#native/low-ports.ts";
import { ownLoopback } from "#native/network-addresses.ts";
import type { Plan } from "#profile/values/plan.ts";
import { type Finding, Findings } from "./finding.ts";

/** `partial`: by a call that was killed, by another kt, or changed since. */
export type SetupState = "absent" | "partial" | "done";

export interface SetupFacts {
  readonly states: Readonly<Record<PartName, SetupState>>;
  /** Why the profile needs a part that is absent. */
  readonly needs: Partial<Readonly<Record<PartName, string>>>;
  /** Services are forwarded, and kt may not listen on ports below this one; 0: on all of them. */
  readonly firstPort: number;
}

/** What is absent and not needed is left out where another finding of that check says more. */
export function judgeSetup({ states, needs, firstPort }: SetupFacts): readonly Finding[] {
  return [
    ...judgePart("names", states.names, needs.names),
    ...judgePart("dns", states.dns, needs.dns, "programs do not ask kt by DNS, and the profile does not need it"),
    ...judgePart("ports", states.ports, needs.ports, firstPort === 0 ? undefined : lowPorts(firstPort)),
    ...judgePart("addresses", states.addresses, needs.addresses, "services can have addresses of their own, or the profile has none"),
  ];
}

/** Nothing is wrong with that: commands of kt run need no more. */
const lowPorts = (first: number): string =>
  `ports of services below ${first} are others here, as 8080 for 80, but for commands of kt run; kt setup ports changes that`;

function judgePart(name: PartName, state: SetupState, need: string | undefined, fine?: string): readonly Finding[] {
  const findings = new Findings(name);
  const fix = command`kt setup ${name}`;
  if (state === "done") return findings.ok(`${fix} is in place`).list;
  if (state === "partial")
    return findings.broken(`${fix} is not complete, of another kt, or was changed since`, [fix, `${fix} --undo`]).list;
  if (need !== undefined) return findings.warn(need, [fix]).list;
  return fine === undefined ? [] : findings.ok(fine).list;
}

/** Reads the machine's files, and asks its resolver. */
export function lookAtSetup(plan: Plan, { platform, uid }: Surroundings): SetupFacts {
  const [program, ...more] = ownCommand();
  const wiring = readDnsWiring();
  const dns = wiring ?? { listen: { host: "127.0.0.1", port: 8953 }, domains: [plan.clusterDomain] };
  const request = { platform, uid, program: more.length === 0 ? program : undefined, dns };
  const stateOf = (name: PartName): SetupState => {
    const undo = setupPart(name, { ...request, direction: "undo" });
    if (undo.kind !== "steps" || isDone(undo.steps, "undo")) return "absent";
    const part = setupPart(name, { ...request, direction: "do" });
    // What this process cannot judge, as the copy of a kt that runs from source or another user's set-up, it does not call broken.
    return part.kind !== "steps" || isDone(part.steps, "do") ? "done" : "partial";
  };
  const states = { names: stateOf("names"), dns: stateOf("dns"), ports: stateOf("ports"), addresses: stateOf("addresses") };
  return { states, needs: needsOf(plan), firstPort: platform === "linux" && plan.forwards.length > 0 ? firstFreePort() : 0 };
}

function needsOf({ forwards, addresses: { base } }: Plan): SetupFacts["needs"] {
  const own = ownLoopback();
  const isMissing = forwards.length > 0 && own !== undefined && !own.has(base);
  return isMissing ? { addresses: `this Mac has no loopback address ${base} for the services of [[forward]]` } : {};
}
