/** Which routes are offered for the services of a namespace. */

import { describe, expect, test } from "bun:test";
import { proposeRoutes } from "#cli/proposals/proposals.ts";
import type { CatalogueService } from "#daemon/catalogue.ts";

const service = (name: string, ...ports: [name: string, port: number][]): CatalogueService => ({
  name,
  ports: ports.map(([each, port]) => ({ name: each, port })),
});

const lines = (services: readonly CatalogueService[], taken: readonly string[] = []): string[] =>
  proposeRoutes(services, (local) => taken.includes(local)).map(({ section, local, target }) => `${section} ${local} ${target}`);

describe("the routes that are offered", () => {
  test("are names for what speaks HTTP, and ports for the rest", () => {
    const services = [service("web", ["http", 80]), service("db", ["", 5432]), service("cache", ["redis", 6379])];
    expect(lines(services)).toEqual(["routes web.localhost svc/web:http", "tcp 5432 svc/db:5432", "tcp 6379 svc/cache:redis"]);
  });

  test("name the second port of a service after itself", () => {
    expect(lines([service("api", ["http", 80], ["metrics", 9090], ["", 8081])])).toEqual([
      "routes api.localhost svc/api:http",
      "routes api-metrics.localhost svc/api:metrics",
      "routes api-8081.localhost svc/api:8081",
    ]);
  });

  test("are hostnames also where a service's name fills a label", () => {
    const name = `${"a".repeat(58)}-${"b".repeat(4)}`;
    expect(lines([service(name, ["http", 80], ["admin", 81], ["", 8081], ["ui", 82])])).toEqual([
      `routes ${name}.localhost svc/${name}:http`,
      `routes ${"a".repeat(57)}-admin.localhost svc/${name}:admin`,
      `routes ${"a".repeat(58)}-8081.localhost svc/${name}:8081`,
      `routes ${"a".repeat(58)}-b-ui.localhost svc/${name}:ui`,
    ]);
  });

  test("give no place to two, and none that is taken", () => {
    const services = [service("a", ["", 5432]), service("b", ["", 5432]), service("web", ["http", 80])];
    expect(lines(services, ["5432", "web.localhost"])).toEqual([
      "tcp 15432 svc/a:5432",
      "tcp 25432 svc/b:5432",
      "routes web-http.localhost svc/web:http",
    ]);
  });
});
