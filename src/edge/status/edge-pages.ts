/** The pages of an edge, at the paths that scrapers of achetronic/tunnel know. */

import type { EdgeDocument } from "#expose/host/edge-document.ts";
import { encodeMetrics, metricsContentTypes, metricsFormatOf } from "#wire/openmetrics.ts";
import { type EdgeFacts, edgeMetrics } from "./edge-metrics.ts";
import { jsonPage, type StatusPageOptions, textPage } from "./status-page.ts";

export interface PageSource {
  readonly facts: () => EdgeFacts;
  /** Undefined before there was one. It names certificates by their files alone, and keys of uplinks by their public halves. */
  readonly plan: () => EdgeDocument | undefined;
}

export function edgePages({ facts, plan }: PageSource): StatusPageOptions["pages"] {
  return {
    "/status": () => jsonPage(facts().status),
    "/healthz": () => textPage("ok\n"),
    "/stats/prometheus": (accept) => {
      const format = metricsFormatOf(accept);
      return { type: metricsContentTypes[format], body: encodeMetrics(edgeMetrics(facts()), format) };
    },
    "/config_dump": () => jsonPage(plan() ?? {}),
    "/clusters": () =>
      textPage(
        lines(facts().status.uplinks.map(({ ordinal, isHealthy, problem }) => `uplink ${ordinal}: ${isHealthy ? "healthy" : problem}`)),
      ),
    "/listeners": () =>
      textPage(lines(facts().status.bindings.map(({ id, state, message }) => `${id}: ${state}${message === "" ? "" : `, ${message}`}`))),
  };
}

const lines = (all: readonly string[]): string => all.map((line) => `${line}\n`).join("");
