/** A program whose connections to some ports lead to others: which do, for how long, and what of it the program sees. */

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { listen, type Socket, spawnSync, type TCPSocketListener } from "bun";
import { type MovedPort, movedPorts, startWithFiles } from "#native/own-files.ts";
import { SharedFile } from "#native/shared-file.ts";
import { tempDir } from "#test/support/temp-dir.ts";
import { eventually } from "#test/support/wait.ts";

/** Of this file alone: others run beside it. */
const address = `127.90.${process.pid % 250}.7`;
const environment = { PATH: "/usr/bin:/bin", HOME: "/nonexistent" };

let directory: Awaited<ReturnType<typeof tempDir>>;
let table: SharedFile;
let server: TCPSocketListener;
beforeEach(async () => {
  directory = await tempDir();
  server = listen({ hostname: address, port: 0, socket: { open: (socket) => void socket.end("hello\n"), data() {} } });
  table = new SharedFile(`${directory.path}/ports`, movedPorts([moved()]));
});
afterEach(async () => {
  table.close();
  server.stop(true);
  await directory[Symbol.asyncDispose]();
});

const moved = (port = 80): MovedPort => ({ address, port, localPort: server.port });

function start(...command: string[]) {
  return startWithFiles({
    command,
    environment,
    files: [{ source: "/etc/hosts", target: "/etc/hosts" }],
    directory: directory.path,
    ports: table.descriptor,
  });
}

async function codeOf(...command: string[]): Promise<number> {
  const started = start(...command);
  if (started.kind !== "running") throw new Error(`${started.kind}: ${started.code}`);
  expect(started.unmoved).toBeUndefined();
  return await started.program.exited;
}

const says = (port: number): string => `[ "$(cat 2>/dev/null </dev/tcp/${address}/${port})" = hello ]`;

/** Undefined where it works; containers and old kernels may forbid it. */
function whyNot(): string | undefined {
  const file = new SharedFile(`${tmpdir()}/kt-own-ports.${process.pid}`, new Uint8Array());
  const started = startWithFiles({ command: ["true"], environment, files: [], directory: tmpdir(), ports: file.descriptor });
  file.close();
  return started.kind === "running" ? started.unmoved : started.code;
}

const why = process.platform === "linux" ? whyNot() : "it needs Linux";
if (why !== undefined) process.stderr.write(`ports of one program are left out: ${why}\n`);

describe.if(why === undefined)("a program with ports of its own", () => {
  test("reaches what stands for them, by their addresses alone, and everything else as ever", async () => {
    expect(await codeOf("bash", "-c", says(80))).toBe(0);
    expect(await codeOf("bash", "-c", says(server.port))).toBe(0);
    expect(await codeOf("bash", "-c", says(81))).not.toBe(0);
    expect(await codeOf("bash", "-c", says(80).replace(address, "127.0.0.1"))).not.toBe(0);
  });

  test("also by a socket of IPv6, of a thread, and without waiting", async () => {
    const script = `
const ask = (hostname) => new Promise((resolve, reject) => {
  Bun.connect({ hostname, port: 80, socket: { data: (_, bytes) => resolve(bytes.toString()), connectError: (_, error) => reject(error) } });
});
for (const said of await Promise.all(Array.from({ length: 20 }, (_, at) => ask(at % 2 === 0 ? "${address}" : "::ffff:${address}"))))
  if (said !== "hello\\n") process.exit(1);
const worker = new Worker(URL.createObjectURL(new Blob([\`
  Bun.connect({ hostname: "${address}", port: 80, socket: { data: () => postMessage(0), connectError: () => postMessage(1) } });
\`])));
worker.onmessage = ({ data }) => process.exit(data);
`;
    expect(await codeOf(process.execPath, "-e", script)).toBe(0);
  });

  test("also those that come while it runs, and not those that go", async () => {
    const script = `until ${says(81)}; do sleep 0.02; done; while ${says(81)}; do sleep 0.02; done; exit 5`;
    const started = start("bash", "-c", script);
    if (started.kind !== "running") throw new Error(started.code);
    const connected = Promise.withResolvers<void>();
    const open = (socket: Socket): void => {
      socket.end("hello\n");
      connected.resolve();
    };
    server.reload({ socket: { open, data() {} } });
    table.write(movedPorts([moved(443), moved(81)]));
    await connected.promise;
    table.write(movedPorts([moved(443)]));
    expect(await started.program.exited).toBe(5);
  });

  test("learns at once that nothing listens there", async () => {
    server.stop(true);
    expect(await codeOf("bash", "-c", `! ${says(80)}`)).toBe(0);
  });

  test("has no child that it did not start", async () => {
    expect(await codeOf("perl", "-e", "exit(wait() == -1 ? 0 : 1)")).toBe(0);
  });

  test("what it leaves behind reaches them as long as it lives, and what helps it ends with the last of them", async () => {
    const fifo = `${directory.path}/fifo`;
    const script = `mkfifo ${fifo}; (read go < ${fifo}; ${says(80)}; echo $? > ${directory.path}/code) & exit 3`;
    expect(await codeOf("bash", "-c", script)).toBe(3);
    expect(helpers()).not.toEqual([]);
    expect(spawnSync(["sh", "-c", `echo go > ${fifo}`], { timeout: 10_000 }).exitCode).toBe(0);
    await eventually("what was left behind to end", () => readdirSync(directory.path).includes("code"));
    await eventually("the helper to end", () => helpers().length === 0);
    expect(readFileSync(`${directory.path}/code`, "utf8")).toBe("0\n");
  });

  test("in another such program has the outer one's, and says so", async () => {
    const inner = `
import { startWithFiles } from "${new URL("../../native/own-files.ts", import.meta.url).pathname}";
const { unmoved, program } = startWithFiles({ command: ["bash", "-c", '${says(80).replaceAll("'", "")}'], environment: process.env, files: [], directory: "/tmp", ports: 0 });
process.exit(unmoved === "EBUSY" ? await program.exited : 9);
`;
    expect(await codeOf(process.execPath, "-e", inner)).toBe(0);
  });
});

/** Living children of this process that are such helpers. */
function helpers(): string[] {
  const children = readdirSync("/proc/self/task").flatMap((task) =>
    readFileSync(`/proc/self/task/${task}/children`, "utf8").trim().split(" "),
  );
  return children.filter((pid) => pid !== "" && /^\d+ \(kt-ports\) [^Z]/.test(statOf(pid)));
}

function statOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/stat`, "utf8");
  } catch {
    return "";
  }
}
