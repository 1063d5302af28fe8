/** TLS that ends at an edge as a scanner grades it: versions, suites, renegotiation, compression, tickets, and the alerts of what is refused. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { file as bunFile, spawn, which, write } from "bun";
import { listenTcp, type Listener } from "#net/tcp.ts";
import { serverIdentity, tlsServer } from "#net/tls.ts";
import { type Certificate, selfSigned } from "#tls/self-signed.ts";
import { echo } from "#test/support/edge-user.ts";
import { tempDir } from "#test/support/temp-dir.ts";

const scanner = which("openssl");
const title = "TLS 1.2 up";

if (scanner) describe(title, scan);
else describe.skip(`${title}: skipped, since there is no openssl to look at it with`, scan);

function scan(): void {
  let folder: Awaited<ReturnType<typeof tempDir>>;
  const listeners: Listener[] = [];
  const ports = { elliptic: 0, rsa: 0, mutual: 0 };

  beforeAll(async () => {
    folder = await tempDir();
    const [elliptic, client] = [selfSigned("a.example.com", Date.now()), selfSigned("client.example.com", Date.now())];
    await write(file("client.pem"), `${client.cert}\n${client.key}`);
    const rsa = await rsaCertificate();
    ports.elliptic = serve(elliptic);
    ports.rsa = serve(rsa);
    ports.mutual = serve({ ...elliptic, clientCa: client.cert, requiresClient: true });
  });

  afterAll(async () => {
    for (const listener of listeners) listener.close();
    await folder[Symbol.asyncDispose]();
  });

  const file = (name: string): string => `${folder.path}/${name}`;

  async function rsaCertificate(): Promise<Certificate> {
    const [cert, key] = [file("rsa.crt"), file("rsa.key")];
    const made = [
      "req",
      "-x509",
      "-newkey",
      "rsa:2048",
      "-nodes",
      "-subj",
      "/CN=a.example.com",
      "-days",
      "2",
      "-keyout",
      key,
      "-out",
      cert,
    ];
    await spawn([scanner ?? "", ...made], { stdout: "ignore", stderr: "ignore" }).exited;
    return { cert: await bunFile(cert).text(), key: await bunFile(key).text() };
  }

  function serve(options: Parameters<typeof serverIdentity>[0]): number {
    const identity = serverIdentity(options);
    const accept: Parameters<typeof listenTcp>[0]["accept"] = (conn) =>
      void tlsServer(conn, identity, ["http/1.1"]).then(
        (session) => echo(session.conn),
        () => {},
      );
    const listener = listenTcp({ host: "127.0.0.1", port: 0, accept });
    listeners.push(listener);
    return listener.port;
  }

  /** What the scanner prints of a connection in which it says this, and ends once that has come back or the server has had enough. */
  async function connect(port: number, args: readonly string[], words = "hello"): Promise<string> {
    const command = [scanner ?? "", "s_client", "-connect", `127.0.0.1:${port}`, "-servername", "a.example.com", ...args];
    const child = spawn(command, { stdin: "pipe", stdout: "pipe", stderr: "pipe" });
    const problems = new Response(child.stderr).text();
    child.stdin.write(`${words}\n`);
    void child.stdin.flush();
    let printed = "";
    for await (const piece of child.stdout.pipeThrough(new TextDecoderStream())) {
      printed += piece;
      // What it prints of a ticket may stand before it on its line.
      if (/hello$/m.test(printed)) await child.stdin.end();
    }
    return printed + (await problems);
  }

  const alert = (number: number): string => `SSL alert number ${number}`;

  test.each(["-tls1", "-tls1_1"])("refuses %s with the alert of its version", async (version) => {
    expect(await connect(ports.rsa, [version, "-cipher", "ALL:@SECLEVEL=0"])).toContain(alert(70));
  });

  test.each([
    ["elliptic", "ECDSA"],
    ["rsa", "RSA"],
  ] as const)("agrees only on suites with forward secrecy and authenticated encryption (%s)", async (kind, signature) => {
    const wanted = ["AES128-GCM-SHA256", "AES256-GCM-SHA384", "CHACHA20-POLY1305"].map((suite) => `ECDHE-${signature}-${suite}`);
    for (const suite of wanted) expect(await connect(ports[kind], ["-tls1_2", "-cipher", suite])).toContain(`Cipher is ${suite}`);
    const others = ["ALL:COMPLEMENTOFALL", ...wanted.map((suite) => `!${suite}`), "@SECLEVEL=0"].join(":");
    expect(await connect(ports[kind], ["-tls1_2", "-cipher", others])).toContain(alert(40));
  });

  test.each(["-tls1_2", "-tls1_3"])("%s compresses nothing, and resumes by a ticket", async (version) => {
    const first = await connect(ports.elliptic, [version, "-sess_out", file(version)]);
    expect(first).toMatch(/^Compression: NONE$/m);
    expect(first).toMatch(/^New, TLSv1/m);
    expect(await connect(ports.elliptic, [version, "-sess_in", file(version)])).toMatch(/^Reused, TLSv1/m);
  });

  test("renegotiates securely by what it says, and never in fact", async () => {
    const printed = await connect(ports.elliptic, ["-tls1_2"], "R");
    expect(printed).toContain("RENEGOTIATING");
    expect(printed).toContain("Secure Renegotiation IS supported");
    expect(printed).toMatch(/no renegotiation|SSL alert number/);
  });

  test("asks for a certificate, and says so by an alert to a client without one", async () => {
    expect(await connect(ports.mutual, ["-tls1_2"])).toContain(alert(40));
    expect(await connect(ports.mutual, ["-tls1_3"])).toContain(alert(116));
    expect(await connect(ports.mutual, ["-tls1_3", "-cert", file("client.pem")])).toMatch(/hello$/m);
  });
}
