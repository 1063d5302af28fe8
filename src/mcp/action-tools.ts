/** Tools that change something: profiles that are attached, targets that are forwarded, services that are stopped. */

import * as v from "valibot";
import type { RouteAction } from "#control/api.ts";
import { KtError } from "#base/errors.ts";
import { findRoute, profileInput, routeInput, serviceSchema } from "./find-route.ts";
import type { HubQuestions } from "./host.ts";
import { type Tool, type ToolEffect, tool } from "./tool.ts";

const attachProfile = tool({
  name: "attach_profile",
  title: "Attach a profile",
  description:
    "Attaches a tunnels.toml, so that its services are reachable, and starts kt's hub where none runs. A profile that could run programs or send credentials elsewhere is refused until the user has read it and run kt allow in a terminal: ask them to, do not run it for them.",
  effect: "change",
  input: v.strictObject({
    file: v.pipe(v.optional(v.string()), v.description("The absolute path of a tunnels.toml; default: the one of this folder or above.")),
  }),
  output: v.object({ profile: v.string(), services: v.pipe(v.number(), v.description("How many it has.")), warnings: v.array(v.string()) }),
  answer: async ({ file }, { host, signal }) => {
    const profile = await host.attach(file);
    const { profiles } = await host.withHub(signal, (hub) => hub.snapshot());
    const attached = profiles.find((each) => each.profile === profile);
    return { profile, services: attached?.routes.length ?? 0, warnings: attached?.warnings ?? [] };
  },
});

const detachProfile = tool({
  name: "detach_profile",
  title: "Detach a profile",
  description:
    "Detaches a profile for everybody, as kt down: its services are no longer reachable, and their open connections end. Ends what forward began, too.",
  effect: "end",
  input: v.strictObject({ profile: v.pipe(v.string(), v.description("The path of an attached profile.")) }),
  output: v.object({ profiles: v.pipe(v.array(v.string()), v.description("What was detached; nothing where it was not attached.")) }),
  answer: async ({ profile }, { host, signal }) => ({ profiles: await host.detach(profile, signal) }),
});

const forward = tool({
  name: "forward",
  title: "Forward a target to a local port",
  description:
    "Makes a service, pod or workload that no profile names reachable at a port of localhost, starts kt's hub where none runs, and says whether it leads to a ready pod. detach_profile with the profile of the answer ends it.",
  effect: "change",
  input: v.strictObject({
    target: v.pipe(v.string(), v.description('[NAMESPACE/]KIND/NAME:PORT, as "shop/svc/api:80" or "deploy/web:http".')),
    context: v.pipe(v.optional(v.string()), v.description("A context of the kubeconfig; default: the current one.")),
    localPort: v.pipe(
      v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(65_535))),
      v.description("Default: a free one."),
    ),
  }),
  output: v.object({ profile: v.string(), service: serviceSchema }),
  answer: async ({ target, context, localPort }, { host, signal }) => {
    const profile = await host.forward({ target, context, localPort });
    try {
      return await host.withHub(signal, (hub) => forwarded(hub, profile));
    } catch (error) {
      await host.detach(profile, signal);
      throw error;
    }
  },
});

/** Without a free port there is nothing to keep; a target that is not ready may become so. */
async function forwarded(hub: HubQuestions, profile: string) {
  const route = await onlyRoute(hub, profile);
  if (route.state === "blocked" || route.state === "conflict") {
    const { code = "port-taken", message = "the port is taken", hints = [] } = route.problem ?? {};
    throw new KtError(code, message, { hints });
  }
  await hub.ask({ type: "ready", profile, routes: [route.name] }, "ready");
  return { profile, service: { profile, ...(await onlyRoute(hub, profile)) } };
}

async function onlyRoute(hub: HubQuestions, profile: string) {
  const { profiles } = await hub.snapshot();
  const [route] = profiles.find((each) => each.profile === profile)?.routes ?? [];
  if (route) return route;
  throw new KtError("shutting-down", `profile "${profile}" is not attached any more`, { hints: ["call forward again"] });
}

function action(name: RouteAction, effect: ToolEffect, title: string, description: string): Tool {
  return tool({
    name: `${name}_service`,
    title,
    description,
    effect,
    input: v.strictObject({ service: routeInput, profile: profileInput }),
    output: v.object({ service: serviceSchema }),
    answer: async ({ service, profile: asked }, { host, signal }) =>
      await host.withHub(signal, async (hub) => {
        const { profile } = findRoute(await hub.snapshot(), service, asked);
        await hub.ask({ type: "act", action: name, profile: profile.profile, route: service }, "done");
        const { route } = findRoute(await hub.snapshot(), service, profile.profile);
        return { service: { profile: profile.profile, ...route } };
      }),
  });
}

export const actionTools: readonly Tool[] = [
  attachProfile,
  detachProfile,
  forward,
  action(
    "reconnect",
    "end",
    "Reconnect a service",
    "Ends what is open to the target of a service, connects anew, and says why where that fails.",
  ),
  action(
    "stop",
    "end",
    "Stop a service",
    "Refuses what comes for a service until start_service. Other services with the same target share that.",
  ),
  action("start", "change", "Start a service", "Ends what stop_service began, and connects."),
];
