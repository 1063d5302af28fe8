/** TLS at the public ports of an edge: passed on by name, ended, asked of clients, renewed, and refused in every way in which it can be wrong. */

import { afterEach, expect, test } from "bun:test";
import { mkdir, writeFile } from "node:fs/promises";
import { type ConnectionOptions, connect, type TLSSocket } from "node:tls";
import { CryptoHasher } from "bun";
import type { Conn } from "#base/conn.ts";
import type { TcpEdgeBinding } from "#expose/host/edge-document.ts";
import { serverIdentity, tlsServer } from "#net/tls.ts";
import { type Certificate, selfSigned } from "#tls/self-signed.ts";
import { clientHello } from "#test/support/client-hello.ts";
import { type EdgeRig, keyOf, tcpBinding } from "#test/support/edge-rig.ts";
import { EdgeUser, echo } from "#test/support/edge-user.ts";
import { onOverlay } from "#test/support/overlay.ts";
import { Recorder } from "#test/support/recorder.ts";
import { eventually, within } from "#test/support/wait.ts";

const nowMs = Date.now();
const monthMs = 30 * 24 * 3600 * 1000;
const user = new EdgeUser();
afterEach(() => user.leave());

type Tls = NonNullable<TcpEdgeBinding["tls"]>;
const passed = (...serverNames: string[]): Tls => ({ mode: "passthrough", serverNames });

/** Writes a file as the operator does, and gives its name. */
async function pem(made: EdgeRig, text: string): Promise<string> {
  const name = `${new CryptoHasher("sha256").update(text).digest("hex")}.pem`;
  await mkdir(`${made.folder}/certs`, { recursive: true });
  await writeFile(`${made.folder}/certs/${name}`, text, { mode: 0o600 });
  return name;
}

async function ended(
  made: EdgeRig,
  { cert, key }: Certificate,
  more: { names?: string[]; alpn?: string[]; clientCa?: string } = {},
): Promise<Tls> {
  const { names = [], alpn = ["http/1.1", "h2"], clientCa } = more;
  const certificate = await pem(made, `${cert}\n${key}`);
  const base = { serverNames: names, alpn, certificate };
  return clientCa === undefined ? { mode: "offload", ...base } : { mode: "mutual", ...base, clientCa: await pem(made, clientCa) };
}

async function open(made: EdgeRig, servername: string | undefined, options: ConnectionOptions = {}): Promise<TLSSocket> {
  const named = servername === undefined ? {} : { servername };
  const socket = connect({ host: made.net.public, port: 5000, rejectUnauthorized: false, ...named, ...options });
  user.later(() => socket.destroy());
  await new Promise<void>((resolve, reject) => {
    socket.once("secureConnect", resolve);
    socket.once("error", reject);
    socket.once("close", () => reject(new Error("closed")));
  });
  socket.on("error", () => {});
  return socket;
}

/** What comes back for some bytes; rejects where the connection ends before. */
async function asked(socket: TLSSocket, words = "hello"): Promise<string> {
  const answer = new Promise<string>((resolve, reject) => {
    socket.once("data", (bytes: Buffer) => resolve(bytes.toString()));
    socket.once("close", () => reject(new Error("closed")));
  });
  socket.write(words);
  return await answer;
}

const nameIn = (socket: TLSSocket): string | undefined => socket.getPeerX509Certificate()?.subjectAltName;
/** What a scanner sees of a client's connection that is refused. */
const codeOf = async (attempt: Promise<unknown>): Promise<string> =>
  await attempt.then(
    () => "accepted",
    (error: NodeJS.ErrnoException) => error.code ?? error.message,
  );

onOverlay("TLS that is passed on", () => {
  test("goes to the binding of its name, of the closest pattern, or without names", async () => {
    const made = await user.rig();
    const [exact, pattern, deeper, rest] = ["exact", "pattern", "deeper", "rest"].map(keyOf);
    const up = user.uplink(made.net.uplink(0), ...[exact, pattern, deeper, rest].map(String));
    const identity = serverIdentity(selfSigned("target", nowMs));
    const tlsEcho = async (conn: Conn): Promise<void> => echo((await tlsServer(conn, identity, [])).conn);
    up.onOpen = (conn) => void tlsEcho(conn).catch(() => {});
    await made.plan([
      tcpBinding("rest", 5000, { tls: passed(), target: String(rest) }),
      tcpBinding("pattern", 5000, { tls: passed("*.example.com"), target: String(pattern) }),
      tcpBinding("deeper", 5000, { tls: passed("*.b.example.com"), target: String(deeper) }),
      tcpBinding("exact", 5000, { tls: passed("a.example.com"), target: String(exact) }),
    ]);
    await made.until("exact", "Listening");
    for (const [name, target] of [
      ["a.example.com", exact],
      ["A.Example.Com", exact],
      ["b.example.com", pattern],
      ["x.b.example.com", deeper],
      ["example.com", rest],
      ["a.example.org", rest],
      [undefined, rest],
    ] as const) {
      const socket = await open(made, name);
      expect(await asked(socket)).toBe("hello");
      expect([name, up.asked.at(-1)?.target]).toEqual([name, target]);
    }
  });

  test("reaches its target byte for byte, whatever the pieces in which the hello comes", async () => {
    const made = await user.rig();
    const up = user.uplink(made.net.uplink(0), keyOf("a"));
    up.onOpen = echo;
    await made.plan([tcpBinding("x", 5000, { tls: passed("a.example.com") })]);
    await made.until("x", "Listening");
    const hello = await clientHello("a.example.com");
    for (const size of [1, 5, 77, hello.length - 1]) {
      const one = await user.client(made, 5000);
      for (let at = 0; at < hello.length; at += size) {
        one.write(hello.subarray(at, at + size));
        await one.drained();
      }
      await one.received(hello.length);
      expect(Buffer.compare(one.bytes(), hello)).toBe(0);
    }
  });

  test("of an unknown name is refused with the alert that says so, and what is not TLS is cut", async () => {
    const made = await user.rig();
    const up = user.uplink(made.net.uplink(0), keyOf("a"));
    up.onOpen = echo;
    await made.plan([tcpBinding("x", 5000, { tls: passed("a.example.com") })]);
    await made.until("x", "Listening");
    expect(await codeOf(open(made, "other.example.com"))).toBe("ERR_SSL_TLSV1_ALERT_UNRECOGNIZED_NAME");
    for (const garbage of ["GET / HTTP/1.1\r\n\r\n", "\u0016\u0003\u0001\u0000\u0000", new Uint8Array(40_000).fill(0x16)]) {
      const one = await user.client(made, 5000);
      one.write(garbage);
      await one.whenClosed();
    }
    expect(up.asked).toEqual([]);
    expect(made.edge.facts().tcp.refused).toMatchObject({ serverName: 1, helloInvalid: 3 });
  });

  test("is not looked at where one binding has the port without names", async () => {
    const made = await user.rig();
    user.uplink(made.net.uplink(0), keyOf("a")).onOpen = echo;
    await made.plan([tcpBinding("x", 5000, { tls: passed() })]);
    await made.until("x", "Listening");
    expect((await user.answered(made)).text()).toBe("hello");
  });
});

onOverlay("TLS that ends at the edge", () => {
  test("has the binding's certificate, and its target reads plain bytes", async () => {
    const made = await user.rig();
    user.uplink(made.net.uplink(0), keyOf("a")).onOpen = echo;
    await made.plan([tcpBinding("x", 5000, { tls: await ended(made, selfSigned("a.example.com", nowMs)) })]);
    await made.until("x", "Listening");
    const socket = await open(made, "a.example.com");
    expect(nameIn(socket)).toBe("DNS:a.example.com");
    expect(await asked(socket)).toBe("hello");
    expect(await codeOf(open(made, "a.example.com", { maxVersion: "TLSv1.1", minVersion: "TLSv1" }))).not.toBe("accepted");
    expect((await open(made, undefined, { maxVersion: "TLSv1.2" })).getProtocol()).toBe("TLSv1.2");
  });

  test("tells its target by a PROXY header where the client is, as without TLS", async () => {
    const made = await user.rig();
    const targets: Recorder[] = [];
    user.uplink(made.net.uplink(0), keyOf("a")).onOpen = (conn) => void targets.push(new Recorder(conn));
    await made.plan([tcpBinding("x", 5000, { proxyHeader: 1, tls: await ended(made, selfSigned("a.example.com", nowMs)) })]);
    await made.until("x", "Listening");
    const socket = await open(made, "a.example.com");
    socket.write("hello");
    const target = await eventually("the target", () => targets[0]);
    await target.until(() => target.text().endsWith("hello"));
    expect(target.text()).toBe(`PROXY TCP4 127.0.0.1 ${made.net.public} ${socket.localPort} 5000\r\nhello`);
  });

  test("carries 100 MB each way unharmed, and the end of one half", async () => {
    const made = await user.rig();
    user.uplink(made.net.uplink(0), keyOf("a")).onOpen = echo;
    await made.plan([tcpBinding("x", 5000, { tls: await ended(made, selfSigned("a.example.com", nowMs)) })]);
    await made.until("x", "Listening");
    const socket = await open(made, "a.example.com", { allowHalfOpen: true } as ConnectionOptions);
    const block = crypto.getRandomValues(new Uint8Array(1_000_000));
    const [sent, received] = [new CryptoHasher("sha256"), new CryptoHasher("sha256")];
    let receivedBytes = 0;
    socket.on("data", (bytes: Buffer) => {
      received.update(bytes);
      receivedBytes += bytes.length;
    });
    const ends = new Promise((resolve) => socket.once("end", resolve));
    for (let nth = 0; nth < 100; nth++) {
      sent.update(block);
      if (!socket.write(block)) await new Promise((resolve) => socket.once("drain", resolve));
    }
    socket.end();
    await within(30_000, "the end of the answer", ends);
    expect([receivedBytes, received.digest("hex")]).toEqual([100_000_000, sent.digest("hex")]);
  }, 60_000);

  test("offers http/1.1 before h2, h2 to clients that know nothing else, and refuses those that know neither", async () => {
    const made = await user.rig();
    user.uplink(made.net.uplink(0), keyOf("a")).onOpen = echo;
    await made.plan([tcpBinding("x", 5000, { tls: await ended(made, selfSigned("a.example.com", nowMs)) })]);
    await made.until("x", "Listening");
    const chosen = async (...ALPNProtocols: string[]): Promise<unknown> =>
      (await open(made, "a.example.com", { ALPNProtocols })).alpnProtocol;
    expect(await chosen("h2", "http/1.1")).toBe("http/1.1");
    expect(await chosen("h2")).toBe("h2");
    expect(await codeOf(chosen("spdy/3"))).toContain("ALERT");
  });

  test("is of the binding whose name is asked for on a port that others share", async () => {
    const made = await user.rig();
    const up = user.uplink(made.net.uplink(0), keyOf("a"), keyOf("b"));
    up.onOpen = echo;
    const [one, other] = ["a.example.com", "b.example.com"].map((name) => selfSigned(name, nowMs));
    await made.plan([
      tcpBinding("a", 5000, { tls: await ended(made, one as Certificate, { names: ["a.example.com"] }) }),
      tcpBinding("b", 5000, { tls: await ended(made, other as Certificate), target: keyOf("b") }),
    ]);
    await made.until("b", "Listening");
    expect(nameIn(await open(made, "a.example.com"))).toBe("DNS:a.example.com");
    const rest = await open(made, "whatever.example.com");
    expect(nameIn(rest)).toBe("DNS:b.example.com");
    expect(await asked(rest)).toBe("hello");
    expect(up.asked.at(-1)?.target).toBe(keyOf("b"));
  });

  test("lets in clients with a certificate of its authority alone, where it asks for one", async () => {
    const made = await user.rig();
    const up = user.uplink(made.net.uplink(0), keyOf("a"));
    up.onOpen = echo;
    const [known, expired, foreign] = [nowMs, nowMs - monthMs, nowMs].map((fromMs) => selfSigned("client.example.com", fromMs)) as [
      Certificate,
      Certificate,
      Certificate,
    ];
    const clientCa = `${known.cert}${expired.cert}`;
    await made.plan([tcpBinding("x", 5000, { tls: await ended(made, selfSigned("a.example.com", nowMs), { clientCa }) })]);
    await made.until("x", "Listening");
    const attempt = async (client: Partial<Certificate>): Promise<string> => await asked(await open(made, "a.example.com", client));
    expect(await attempt(known)).toBe("hello");
    for (const client of [{}, expired, foreign]) expect(await codeOf(attempt(client))).not.toBe("accepted");
    expect(await codeOf(open(made, "a.example.com", { maxVersion: "TLSv1.2" }))).toContain("ALERT_HANDSHAKE_FAILURE");
    expect(up.asked.length).toBe(1);
    await eventually("each is counted", () => made.edge.facts().tcp.refused.clientCertificate === 4);
  });

  test("is renewed without a cut, and goes on with the former certificate while the next one is of no use", async () => {
    const made = await user.rig();
    user.uplink(made.net.uplink(0), keyOf("a")).onOpen = echo;
    const [first, second, other] = [1, 2, 3].map((count) => selfSigned(`v${count}.example.com`, nowMs)) as [
      Certificate,
      Certificate,
      Certificate,
    ];
    const before = tcpBinding("x", 5000, { tls: await ended(made, first) });
    await made.plan([before]);
    await made.until("x", "Listening");
    const socket = await open(made, undefined);
    const after = tcpBinding("x", 5000, { tls: await ended(made, second) });
    await made.plan([after]);
    await made.until("x", "Listening", after.hash);
    expect(nameIn(await open(made, undefined))).toBe("DNS:v2.example.com");
    expect(await asked(socket, "of the first")).toBe("of the first");
    await made.plan([tcpBinding("x", 5000, { tls: await ended(made, { cert: other.cert, key: first.key }) })]);
    await made.until("x", "CertificateFailed", after.hash);
    expect(nameIn(await open(made, undefined))).toBe("DNS:v2.example.com");
  });

  test("waits for a certificate that comes after its plan", async () => {
    const made = await user.rig();
    user.uplink(made.net.uplink(0), keyOf("a")).onOpen = echo;
    const { cert, key } = selfSigned("a.example.com", nowMs);
    const certificate = `${new CryptoHasher("sha256").update(`${cert}\n${key}`).digest("hex")}.pem`;
    await made.plan([tcpBinding("x", 5000, { tls: { mode: "offload", serverNames: [], alpn: ["h2"], certificate } })]);
    await made.until("x", "CertificateFailed");
    expect(made.edge.status().bindings[0]?.message).toContain("is not on the host yet");
    await pem(made, `${cert}\n${key}`);
    await made.until("x", "Listening");
    expect(await asked(await open(made, undefined))).toBe("hello");
  });

  test("counts what becomes of handshakes", async () => {
    const made = await user.rig();
    user.uplink(made.net.uplink(0), keyOf("a")).onOpen = echo;
    await made.plan([tcpBinding("x", 5000, { tls: await ended(made, selfSigned("a.example.com", nowMs)) })]);
    await made.until("x", "Listening");
    const one = await user.client(made, 5000);
    one.write("not TLS at all, and long enough to say so");
    await one.whenClosed();
    await eventually("it is counted", () => made.edge.facts().tcp.refused.handshake === 1);
    expect(made.edge.facts().tcp).toMatchObject({ accepted: 1, opened: 0, open: 0 });
  });
});
