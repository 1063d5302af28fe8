/** Whose a connection is: by the kernel, and what its answers mean. */

import { describe, expect, test } from "bun:test";
import { connect, listen, type Socket, spawn } from "bun";
import { ownerFrom, peerOwner } from "#native/socket-owner.ts";

const established = (uid: number, inode = 7) => ({ state: 1, uid, inode });
const listening = { state: 10, uid: 0, inode: 7 };

describe("what the kernel answers", () => {
  test.each([
    ["a socket of a user", established(1000), established(0), { kind: "user", uid: 1000 }],
    ["a socket that no process has any more", established(0, 0), established(0), { kind: "gone" }],
    ["none here, and ours is open: it is in another network namespace", undefined, established(0), { kind: "unknown" }],
    ["none here, and only our listener", undefined, listening, { kind: "gone" }],
    ["none here, and none of ours", undefined, undefined, { kind: "gone" }],
    ["a listener at its place", listening, established(0), { kind: "unknown" }],
  ] as const)("%s", (_what, theirs, ours, owner) => expect(ownerFrom(theirs, () => ours)).toEqual(owner));
});

/** Accepts one connection at a time and says whose it is. */
function door(hostname: string) {
  let accepted = Promise.withResolvers<Socket>();
  const listener = listen({ hostname, port: 0, socket: { data() {}, open: (socket) => accepted.resolve(socket) } });
  return {
    port: listener.port,
    async owner() {
      const { localAddress, localPort, remoteAddress, remotePort } = await accepted.promise;
      accepted = Promise.withResolvers();
      return peerOwner({ local: { host: localAddress, port: localPort }, remote: { host: remoteAddress, port: remotePort } });
    },
    [Symbol.dispose]: () => listener.stop(true),
  };
}

describe.if(process.platform === "linux")("for real", () => {
  test.each([
    ["127.0.0.1", "127.0.0.1"],
    ["::1", "::1"],
    ["::", "127.0.0.1"],
  ])("a connection of this process, where %s is listened on, by %s", async (hostname, by) => {
    using here = door(hostname);
    const socket = await connect({ hostname: by, port: here.port, socket: { data() {} } });
    expect(await here.owner()).toEqual({ kind: "user", uid: process.getuid?.() ?? -1 });
    socket.end();
  });

  test("one that no process has", () => {
    const at = (port: number) => ({ host: "127.0.0.1", port });
    expect(peerOwner({ local: at(1), remote: at(2) })).toEqual({ kind: "gone" });
    expect(peerOwner({ local: { host: "nonsense", port: 1 }, remote: at(2) }).kind).not.toBe("user");
  });

  test.if(process.getuid?.() === 0)("a connection of another user", async () => {
    using here = door("127.0.0.1");
    const script = `exec 3<>/dev/tcp/127.0.0.1/${here.port}; read -r line <&3`;
    const other = spawn(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "bash", "-c", script]);
    expect(await here.owner()).toEqual({ kind: "user", uid: 65534 });
    other.kill();
    await other.exited;
  });
});
