/** The address that a route has for programs that do not resolve its name. */

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { formatListen } from "#profile/values/listen.ts";
import { loadPlan } from "#profile/load.ts";
import { type AddressChoice, ownAddressOf } from "#profile/values/own-address.ts";

const choice: AddressChoice = { listen: [{ host: "127.0.0.1", port: 8989 }], hasWholeNetwork: true, isTaken: () => false };
const host = fc.domain();

describe("the address of a hostname", () => {
  test("is always the same, on the port of the front door", () => {
    expect(formatListen(ownAddressOf("grafana.localhost", choice))).toBe("127.187.249.216:8989");
  });

  test("is one of 127.128.0.0 and up that a program may listen on", () => {
    fc.assert(
      fc.property(host, (name) => {
        const { host: address, port } = ownAddressOf(name, choice);
        const [a, b, c, d] = address.split(".").map(Number) as [number, number, number, number];
        expect([a, port]).toEqual([127, 8989]);
        expect(b >= 128 && b <= 254 && c >= 0 && c <= 255 && d >= 1 && d <= 254).toBe(true);
      }),
    );
  });

  test("where 127.0.0.1 is all there is, is a port of it", () => {
    fc.assert(
      fc.property(host, (name) => {
        const { host: address, port } = ownAddressOf(name, { ...choice, hasWholeNetwork: false });
        expect(address).toBe("127.0.0.1");
        expect(port >= 20_000 && port <= 32_000).toBe(true);
      }),
    );
  });

  test("has a port of its own where the front door's is taken on every address", () => {
    const listen = [{ host: "0.0.0.0", port: 8989 }];
    expect(ownAddressOf("web.localhost", { ...choice, listen }).port).not.toBe(8989);
  });

  test("is another one where it is taken", () => {
    const first = ownAddressOf("web.localhost", choice);
    const second = ownAddressOf("web.localhost", { ...choice, isTaken: ({ host: other }) => other === first.host });
    expect(second.host).not.toBe(first.host);
  });
});

describe("a plan", () => {
  const routes = '[routes]\n"a.localhost" = "svc/a:80"\n"b.localhost" = "svc/b:80"\n';
  const addresses = async (env: string, system = "linux"): Promise<readonly (string | undefined)[]> => {
    const readText = async (path: string): Promise<string | undefined> => (path === "/tunnels.toml" ? `${routes}[env]\n${env}` : undefined);
    const { plan } = await loadPlan({ file: "/tunnels.toml", environment: {}, home: "/", readText, system });
    return plan.routes.map(({ address }) => address && formatListen(address));
  };

  test("has one for the routes that [env] asks it of, and for no other", async () => {
    expect(await addresses('A = "${routes.a.localhost.url}"')).toEqual([undefined, undefined]);
    for (const field of ["address", "host", "port"]) {
      const [a, b] = await addresses(`A = "\${routes.A.localhost.${field}}"`);
      expect([a?.startsWith("127."), b]).toEqual([true, undefined]);
    }
  });

  test("has different ones for different routes, also on one address", async () => {
    const both = 'A = "${routes.a.localhost.address} ${routes.b.localhost.address}"';
    expect(new Set(await addresses(both)).size).toBe(2);
    const onMac = await addresses(both, "darwin");
    expect(new Set(onMac).size).toBe(2);
    expect(onMac.every((address) => address?.startsWith("127.0.0.1:"))).toBe(true);
  });
});
