/** A Service that is replaced and made as it was: by merge patches, as the API applies them. */

import { expect, test } from "bun:test";
import fc from "fast-check";
import type { KnownService } from "#kube/objects/known-service.ts";
import { isReplaced, relayOf, replacement, restoration } from "#kube/objects/replaced-service.ts";
import { FakeServices } from "#test/support/fake-services.ts";

const podPorts = new Map([[80, 9000]]);

/** A Service of a cluster in memory, and what is written to it. */
function rig(object: { [key: string]: unknown }) {
  const services = new FakeServices();
  services.set("shop", "api", object);
  const known = async (): Promise<KnownService> => (await services.get("shop", "api")) as KnownService;
  const patch = async (change: object | undefined): Promise<void> => {
    if (change) expect(await services.patch("shop", await known(), change)).toBeDefined();
  };
  const spec = (): string => JSON.stringify(services.raw("shop", "api")?.["spec"]);
  return { services, known, patch, spec };
}

const spec = {
  selector: { app: "api", tier: "web" },
  ports: [
    { name: "web", port: 80, targetPort: "http" },
    { port: 81, targetPort: 81 },
  ],
};

test("leads to the relay with all that is not the relay's left, and says what it had", async () => {
  const { known, patch, services } = rig({ spec: { ...spec, sessionAffinity: "ClientIP" } });
  await patch(replacement(await known(), { name: "kt-reverse-1", uid: "job-1" }, "ann@box", podPorts));
  expect(services.raw("shop", "api")?.["spec"]).toEqual({
    selector: { "kt.dev/reverse": "kt-reverse-1" },
    ports: [
      { name: "web", port: 80, targetPort: 9000 },
      { port: 81, targetPort: 81 },
    ],
    sessionAffinity: "ClientIP",
  });
  const service = await known();
  expect(relayOf(service)).toBe("kt-reverse-1");
  expect(isReplaced(service)).toBe(true);
});

test("is byte for byte as before, whatever it had, also after several relays", async () => {
  const text = fc.stringMatching(/^[a-z][a-z0-9./-]{0,20}$/);
  const port = fc.record(
    {
      name: text,
      port: fc.integer({ min: 1, max: 65535 }),
      targetPort: fc.oneof(text, fc.integer({ min: 1, max: 65535 })),
      nodePort: fc.nat(),
    },
    { requiredKeys: ["port"] },
  );
  const services = fc.record({
    selector: fc.dictionary(text, text, { minKeys: 1 }),
    ports: fc.array(port, { minLength: 1, maxLength: 5 }),
  });
  await fc.assert(
    fc.asyncProperty(services, fc.array(text, { minLength: 1, maxLength: 3 }), async (given, jobs) => {
      const sorted = { ...given, selector: Object.fromEntries(Object.entries(given.selector).toSorted()) };
      const { known, patch, services: fake } = rig({ spec: sorted });
      for (const job of jobs) await patch(replacement(await known(), { name: job, uid: job }, "ann@box", podPorts));
      await patch(restoration(await known()));
      expect(fake.raw("shop", "api")?.["spec"]).toEqual(sorted);
      expect(isReplaced(await known())).toBe(false);
    }),
    { numRuns: 50 },
  );
});

test("keeps what another wrote since, and only loses kt's mark", async () => {
  const { known, patch, spec: now } = rig({ spec });
  await patch(replacement(await known(), { name: "kt-reverse-1", uid: "job-1" }, "ann@box", podPorts));
  await patch({ spec: { selector: { "kt.dev/reverse": null, app: "next" }, ports: [{ port: 80 }] } });
  const written = now();
  await patch(restoration(await known()));
  expect(now()).toBe(written);
  expect(isReplaced(await known())).toBe(false);
});

test("that is not replaced has nothing to restore, nor has one whose mark cannot be read", async () => {
  for (const mark of [undefined, "{", "null", "[]", '{"selector":1}']) {
    const annotations = mark === undefined ? {} : { "kt.dev/replaced": mark };
    const { known } = rig({ spec, metadata: { annotations } });
    expect(restoration(await known())).toBeUndefined();
  }
});
