/** DNS messages: a query read as it was written, replies within their limits, and no error for random bytes. */

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  addressesInReply,
  dnsCodes,
  dnsData,
  type DnsQuery,
  type DnsReply,
  dnsTypes,
  formatDnsFailure,
  formatDnsReply,
  parseDnsQuery,
  parseDnsReplyHead,
  repeatsQuestion,
  udpReplyBytes,
  withDnsId,
} from "#wire/dns-message.ts";
import { formatDnsQuery } from "#test/support/dns-client.ts";

const label = fc.stringMatching(/^[A-Za-z0-9_-]{1,63}$/);
const name = fc
  .array(label, { maxLength: 4 })
  .map((labels) => labels.join("."))
  .filter((text) => text.length < 250);

function encodeName(text: string): number[] {
  return [...(text === "" ? [] : text.split(".")).flatMap((part) => [part.length, ...Buffer.from(part, "latin1")]), 0];
}

interface Asked {
  readonly payloadBytes?: number | undefined;
  readonly opcode?: number;
  readonly extra?: readonly number[];
}

const header = (flags: number, ...counts: number[]): number[] => [
  0xab,
  0xcd,
  flags >> 8,
  flags & 255,
  ...counts.flatMap((count) => [0, count]),
];

function encodeQuery(text: string, type: number, { payloadBytes, opcode = 0, extra = [] }: Asked = {}): Uint8Array {
  const opt = payloadBytes === undefined ? [] : [0, 0, 41, payloadBytes >> 8, payloadBytes & 255, 0, 0, 0x80, 0, 0, 0];
  const others = (opt.length === 0 ? 0 : 1) + (extra.length === 0 ? 0 : 1);
  return Uint8Array.from([
    ...header((opcode << 11) | 0x110, 1, 0, 0, others),
    ...encodeName(text),
    ...[type >> 8, type & 255, 0, 1],
    ...extra,
    ...opt,
  ]);
}

function queryOf(bytes: Uint8Array): DnsQuery {
  const parsed = parseDnsQuery(bytes);
  if (parsed.kind !== "query") throw new Error(parsed.kind);
  return parsed.query;
}

describe("a query", () => {
  test("is read as it was written, whatever the case of its letters", () => {
    const number = fc.integer({ min: 0, max: 65_535 });
    fc.assert(
      fc.property(name, number, fc.option(number, { nil: undefined }), (text, type, payloadBytes) => {
        const query = queryOf(encodeQuery(text, type, { payloadBytes }));
        const question = { name: text.toLowerCase(), type, class: 1 };
        expect(query).toMatchObject({ id: 0xabcd, opcode: 0, recursionDesired: true, checkingDisabled: true, question });
        expect(query.edns).toEqual(payloadBytes === undefined ? undefined : { payloadBytes, version: 0, dnssecOk: true });
      }),
    );
  });

  test("that is cut is not one", () => {
    const whole = encodeQuery("api.shop", dnsTypes.A, { payloadBytes: 1232 });
    for (let length = 0; length < whole.length; length++) expect(parseDnsQuery(whole.subarray(0, length)).kind).not.toBe("query");
  });

  test("of any bytes is something, and never an error", () => {
    const heads = [header(0, 1, 0, 0, 1), header(0x100, 1, 0, 0, 0), header(0, 2, 0, 0, 0), []];
    fc.assert(
      fc.property(fc.constantFrom(...heads), fc.uint8Array({ maxLength: 600 }), (head, bytes) =>
        expect(["query", "malformed", "none"]).toContain(parseDnsQuery(Uint8Array.from([...head, ...bytes])).kind),
      ),
    );
  });

  test("with a dot within a label is not the name with that dot between labels", () => {
    const bytes = Uint8Array.from([...header(0, 1, 0, 0, 0), 7, ...Buffer.from("db.shop"), 2, 0xc3, 0x20, 0, 0, 1, 0, 1]);
    expect(queryOf(bytes).question.name).toBe("db\\046shop.\\195\\032");
  });

  test("may have records whose names are pointers before its EDNS", () => {
    const signature = [0xc0, 12, 0, 250, 0, 255, 0, 0, 0, 0, 0, 2, 1, 2];
    expect(queryOf(encodeQuery("db", dnsTypes.A, { payloadBytes: 4096, extra: signature })).edns?.payloadBytes).toBe(4096);
  });

  test.each([
    ["two EDNS records", { payloadBytes: 512, extra: [0, 0, 41, 2, 0, 0, 0, 0, 0, 0, 0] }],
    ["an EDNS record with a name", { extra: [1, 97, 0, 0, 41, 2, 0, 0, 0, 0, 0, 0, 0] }],
    ["a record that is cut", { extra: [0, 0, 41, 2, 0] }],
  ])("with %s is malformed", (_, asked) => {
    expect(parseDnsQuery(encodeQuery("db", dnsTypes.A, asked))).toEqual({
      kind: "malformed",
      id: 0xabcd,
      opcode: 0,
      code: dnsCodes.malformed,
    });
  });

  test("of another operation says so before anything else is read", () => {
    const parsed = parseDnsQuery(encodeQuery("db", dnsTypes.A, { opcode: 5 }).subarray(0, 14));
    expect(parsed).toEqual({ kind: "malformed", id: 0xabcd, opcode: 5, code: dnsCodes.notImplemented });
    if (parsed.kind === "malformed") expect(Buffer.from(formatDnsFailure(parsed)).toString("hex")).toBe("abcda8040000000000000000");
  });

  test("of one's own is read as any", () => {
    fc.assert(
      fc.property(name, (text) => {
        expect(queryOf(formatDnsQuery(7, { name: text, type: 28 }))).toMatchObject({
          id: 7,
          question: { name: text.toLowerCase(), type: 28 },
        });
      }),
    );
  });
});

describe("a reply", () => {
  const address = { name: "api.shop", type: dnsTypes.A, ttlSeconds: 5, data: dnsData.a("127.1.27.1") };
  const noError: DnsReply = { code: dnsCodes.noError, isAuthoritative: true };

  test("repeats the question in the client's letters, and is within the limit; where records are left out it says so", () => {
    const payload = fc.option(fc.integer({ min: 0, max: 4096 }), { nil: undefined });
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 200 }), payload, (count, payloadBytes) => {
        const query = queryOf(encodeQuery("API.shop", dnsTypes.A, { payloadBytes }));
        const limit = udpReplyBytes(query);
        const bytes = formatDnsReply(query, { ...noError, answers: Array(count).fill(address) }, limit);
        const { isTruncated, answers } = parseDnsReplyHead(bytes) ?? { isTruncated: undefined, answers: -1 };
        expect(bytes.length).toBeLessThanOrEqual(limit);
        expect(limit).toBeWithin(512, 1233);
        expect(Buffer.from(bytes).includes("API\u0004shop")).toBe(true);
        expect(isTruncated).toBe(answers < count);
        expect(repeatsQuestion(bytes, query.questionBytes)).toBe(true);
      }),
    );
  });

  test("has room for 73 addresses of one name within 1232 bytes", () => {
    const query = queryOf(encodeQuery("web.shop.svc.cluster.local", dnsTypes.A, { payloadBytes: 1232 }));
    const many = Array(120).fill({ ...address, name: "web.shop.svc.cluster.local" });
    expect(parseDnsReplyHead(formatDnsReply(query, { ...noError, answers: many }, 1232))).toMatchObject({ answers: 73, isTruncated: true });
    expect(parseDnsReplyHead(formatDnsReply(query, { ...noError, answers: many }, 65_535))).toMatchObject({
      answers: 120,
      isTruncated: false,
    });
  });

  test("leaves out what is only of help without a word", () => {
    const query = queryOf(encodeQuery("api.shop", dnsTypes.SRV));
    const reply = { ...noError, answers: [address], additionals: Array(100).fill({ ...address, name: "other" }) };
    const bytes = formatDnsReply(query, reply, 512);
    expect(parseDnsReplyHead(bytes)).toMatchObject({ isTruncated: false, answers: 1 });
    expect(bytes[11]).toBeWithin(1, 100);
  });

  test("has the bytes of the standard", () => {
    const query = queryOf(formatDnsQuery(0xabcd, { name: "db", type: dnsTypes.A }));
    const bytes = formatDnsReply(query, { ...noError, answers: [{ ...address, name: "db" }] }, 512);
    expect(Buffer.from(bytes).toString("hex")).toBe(
      `abcd858000010001${"00000000"}${"0264620000010001"}${"c00c"}0001000100000005${"0004"}${"7f011b01"}`,
    );
  });

  test("has the EDNS of the client: its DNSSEC flag, and the rest of a long code", () => {
    const query = queryOf(encodeQuery("db", dnsTypes.A, { payloadBytes: 4096 }));
    const bytes = formatDnsReply(query, { code: dnsCodes.badVersion, isAuthoritative: false }, 512);
    expect(Buffer.from(bytes.subarray(-11)).toString("hex")).toBe("00002904d0010080000000");
    expect(parseDnsReplyHead(bytes)?.code).toBe(0);
  });

  test("belongs to the question that it repeats, to the letter", () => {
    const query = queryOf(encodeQuery("DB.shop", dnsTypes.A));
    const other = queryOf(encodeQuery("db.shop", dnsTypes.A));
    const bytes = formatDnsReply(query, { ...noError, answers: [] }, 512);
    expect([repeatsQuestion(bytes, query.questionBytes), repeatsQuestion(bytes, other.questionBytes)]).toEqual([true, false]);
    const refusal = formatDnsFailure({ id: 1, opcode: 0, code: dnsCodes.refused });
    expect([repeatsQuestion(refusal, query.questionBytes), parseDnsReplyHead(withDnsId(refusal, 0xfedc))?.id]).toEqual([true, 0xfedc]);
  });
});

test("the addresses of a reply are read as they were written, and of random bytes there is no error", () => {
  const query = queryOf(encodeQuery("db.shop", dnsTypes.A, { payloadBytes: 1232 }));
  const number = fc.integer({ min: 0, max: 255 });
  const addresses = fc.array(
    fc.tuple(number, number, number, number).map((parts) => parts.join(".")),
    { maxLength: 40 },
  );
  fc.assert(
    fc.property(addresses, fc.constantFrom("db.shop", "other.shop"), fc.nat(), (all, name, cut) => {
      const answers = all.map((address) => ({ name, type: dnsTypes.A, ttlSeconds: 5, data: dnsData.a(address) }));
      const bytes = formatDnsReply(query, { code: 0, isAuthoritative: true, answers }, 65_535);
      expect(addressesInReply(bytes)).toEqual(all);
      const left = addressesInReply(bytes.subarray(0, cut % bytes.length));
      expect(left).toEqual(all.slice(0, left.length));
    }),
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => Array.isArray(addressesInReply(Uint8Array.from([0, 1, 0x80, ...bytes])))),
  );
});

test.each([
  ["::1", "00000000000000000000000000000001"],
  ["fe80::1:2", "fe800000000000000000000000010002"],
  ["2001:db8:0:1:2:3:4:5", "20010db8000000010002000300040005"],
])("the address %s is sixteen bytes", (address, hex) => {
  expect(Buffer.from(dnsData.aaaa(address)).toString("hex")).toBe(hex);
});
