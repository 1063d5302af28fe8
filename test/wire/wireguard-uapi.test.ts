/** WireGuard's configuration protocol: what is sent, and what of any answer is understood. */

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { KtError } from "#base/errors.ts";
import { decodeUapiAnswer, decodeUapiDevice, encodeUapiGet, encodeUapiSet, isWireGuardKey, type UapiDevice } from "#wire/wireguard-uapi.ts";

const hex = (key: string): string => Uint8Array.fromBase64(key).toHex();
const keys = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => bytes.toBase64());
const some = new Uint8Array(32).fill(7).toBase64();
const other = new Uint8Array(32).fill(8).toBase64();

describe("a question", () => {
  test("asks for the device", () => expect(encodeUapiGet()).toBe("get=1\n\n"));

  test("names only what changes", () => {
    expect(encodeUapiSet({})).toBe("set=1\n\n");
    expect(encodeUapiSet({ privateKey: some, listenPort: 51821 })).toBe(`set=1\nprivate_key=${hex(some)}\nlisten_port=51821\n\n`);
  });

  test("changes, adds and removes peers, and never replaces them", () => {
    const peers = [
      { kind: "remove", publicKey: some },
      { kind: "change", publicKey: other, allowedIps: [] },
      { kind: "add", publicKey: some, endpoint: "203.0.113.1:51821", keepaliveS: 25, allowedIps: ["10.200.0.2/32", "10.200.0.3/32"] },
    ] as const;
    expect(encodeUapiSet({ peers }).split("\n")).toEqual([
      "set=1",
      `public_key=${hex(some)}`,
      "remove=true",
      `public_key=${hex(other)}`,
      "update_only=true",
      "replace_allowed_ips=true",
      `public_key=${hex(some)}`,
      "endpoint=203.0.113.1:51821",
      "replace_allowed_ips=true",
      "allowed_ip=10.200.0.2/32",
      "allowed_ip=10.200.0.3/32",
      "persistent_keepalive_interval=25",
      "",
      "",
    ]);
  });

  test("does not go out with what is not a key, which stands in no message", () => {
    const wrong = "c2VjcmV0";
    try {
      encodeUapiSet({ privateKey: wrong });
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(KtError);
      expect(String(error)).not.toContain(wrong);
    }
  });
});

const peers = fc.record({
  publicKey: keys,
  endpoint: fc.option(fc.constantFrom("203.0.113.1:51821", "[2001:db8::1]:51821"), { nil: undefined }),
  lastHandshakeMs: fc.nat(2 ** 42),
  receivedBytes: fc.nat(2 ** 50),
  sentBytes: fc.nat(2 ** 50),
  keepaliveS: fc.nat(65535),
  allowedIps: fc.array(fc.constantFrom("10.200.0.2/32", "fd00::/64", "0.0.0.0/0"), { maxLength: 3 }),
});
const devices: fc.Arbitrary<UapiDevice> = fc.record({
  privateKey: fc.option(keys, { nil: undefined }),
  listenPort: fc.nat(65535),
  peers: fc.array(peers, { maxLength: 5 }),
});

/** As wireguard-go says it. */
function said({ privateKey, listenPort, peers: all }: UapiDevice): string {
  const lines = [
    ...(privateKey === undefined ? [] : [`private_key=${hex(privateKey)}`]),
    ...(listenPort === 0 ? [] : [`listen_port=${listenPort}`]),
    ...all.flatMap((peer) => [
      `public_key=${hex(peer.publicKey)}`,
      `preshared_key=${"0".repeat(64)}`,
      "protocol_version=1",
      ...(peer.endpoint === undefined ? [] : [`endpoint=${peer.endpoint}`]),
      `last_handshake_time_sec=${Math.floor(peer.lastHandshakeMs / 1000)}`,
      `last_handshake_time_nsec=${(peer.lastHandshakeMs % 1000) * 1e6}`,
      `tx_bytes=${peer.sentBytes}`,
      `rx_bytes=${peer.receivedBytes}`,
      `persistent_keepalive_interval=${peer.keepaliveS}`,
      ...peer.allowedIps.map((prefix) => `allowed_ip=${prefix}`),
    ]),
  ];
  return lines.map((line) => `${line}\n`).join("");
}

describe("an answer", () => {
  test("of any device is read as it is", () => {
    fc.assert(
      fc.property(devices, (device) => {
        const { errno, text } = decodeUapiAnswer(`${said(device)}errno=0\n\n`);
        expect(errno).toBe(0);
        expect(decodeUapiDevice(text)).toEqual(device);
      }),
    );
  });

  test("may be a refusal", () => expect(decodeUapiAnswer("errno=-22\n\n")).toEqual({ errno: -22, text: "" }));

  test("that is anything else is a KtError", () => {
    const isRead = (text: string): boolean => {
      try {
        decodeUapiDevice(decodeUapiAnswer(text).text);
        return true;
      } catch (error) {
        expect(error).toMatchObject({ code: "protocol" });
        return false;
      }
    };
    for (const text of ["", "errno=0\n", "errno=\n\n", "errno=0\n\nx\n\n", "x\nerrno=0\n\n", "public_key=00\nerrno=0\n\n"])
      expect(isRead(text)).toBe(false);
    expect(isRead("listen_port=many\nerrno=0\n\n")).toBe(false);
    expect(isRead("of_a_newer_device=1\nerrno=0\n\n")).toBe(true);
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom("errno=0", "public_key=", "allowed_ip=", "a", "=", "\n", "0") }),
        (text) => void isRead(text),
      ),
    );
  });
});

test("a key is 32 bytes in base64, and nothing else", () => {
  fc.assert(fc.property(keys, (key) => isWireGuardKey(key)));
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      expect(isWireGuardKey(bytes.toBase64())).toBe(bytes.length === 32);
    }),
  );
  // The last bits of the last letter belong to nothing.
  expect(isWireGuardKey(`${some.slice(0, 42)}d=`)).toBe(false);
});
