/** Tests commands in containers against a server that speaks both ways: SPDY, and channels over a WebSocket. */

import { describe, expect, test } from "bun:test";
import { CryptoHasher } from "bun";
import { concatBytes } from "#base/bytes.ts";
import type { Conn } from "#base/conn.ts";
import { KtError } from "#base/errors.ts";
import type { Exec, ExecExit, OpenedExec } from "#kube/objects/types.ts";
import { type FakeProgram, serveExec } from "#test/support/fake-exec.ts";
import { execChannels } from "#wire/exec.ts";
import { WsDecoder } from "#wire/ws-decoder.ts";
import { encodeWsClose, encodeWsFrame, wsAccept, wsOpcodes } from "#wire/ws-frame.ts";
import { headerOf, type RawConnection, rawServer } from "./raw-server.ts";
import { Harness } from "./scripted-api.ts";

const signal = new AbortController().signal;
const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const bytes = (words: string): Uint8Array => new TextEncoder().encode(words);
const isWebSocket = ({ head }: RawConnection): boolean => headerOf(head, "upgrade") === "websocket";

function refuse({ socket }: RawConnection, code: number, body: object): void {
  const json = JSON.stringify(body);
  socket.end(`HTTP/1.1 ${code} Whatever\r\nContent-Length: ${Buffer.byteLength(json)}\r\n\r\n${json}`);
}

const status = (code: number, message: string): object => ({ kind: "Status", message, code });

/** The socket after an upgrade, as far as a server needs it. */
const upgraded = (connection: RawConnection): Pick<Conn, "start" | "write" | "end"> => ({
  start: ({ onData }) => {
    connection.onData = onData;
  },
  write: (piece) => connection.socket.write(piece) > 0,
  end: () => void connection.socket.end(),
});

function serveSpdy(connection: RawConnection, program: FakeProgram): void {
  connection.socket.write(
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: SPDY/3.1\r\nConnection: Upgrade\r\nX-Stream-Protocol-Version: v4.channel.k8s.io\r\n\r\n",
  );
  serveExec(upgraded(connection), { container: undefined, command: [] }, program);
}

/** A WebSocket server; what the client sends is noted as `channel:text`. */
function serveWebSocket(connection: RawConnection, protocol: string, onMessage: (message: string, send: Send) => void): void {
  const sha1 = (words: string): Uint8Array => new CryptoHasher("sha1").update(words).digest();
  const accept = wsAccept(headerOf(connection.head, "sec-websocket-key") ?? "", sha1);
  connection.socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\nSec-WebSocket-Protocol: ${protocol}\r\n\r\n`,
  );
  let message: Uint8Array[] = [];
  const send: Send = (channel, words) => {
    connection.socket.write(encodeWsFrame(wsOpcodes.binary, [Uint8Array.of(channel), bytes(words)]));
  };
  const decoder = new WsDecoder("server", {
    onMessage(_kind, piece, fin) {
      message.push(piece);
      if (!fin) return;
      const [channel = 0, ...rest] = concatBytes(message);
      message = [];
      onMessage(`${channel}:${channel === execChannels.close ? rest.join() : text(Uint8Array.from(rest))}`, send);
    },
    onPing: (payload) => void connection.socket.write(encodeWsFrame(wsOpcodes.pong, [payload])),
    onPong() {},
    onClose() {},
  });
  connection.onData = (piece) => decoder.decode(piece);
  connection.socket.write(encodeWsFrame(wsOpcodes.binary, [Uint8Array.of(execChannels.stdout)]));
}

type Send = (channel: number, words: string) => void;

/** Opens a command with a server that answers as told. */
async function withExec(
  answer: (connection: RawConnection) => void,
  run: (opened: OpenedExec, lines: readonly string[]) => Promise<void>,
  container?: string,
): Promise<void> {
  using server = rawServer(answer);
  await using harness = await Harness.open(undefined, { server: `http://127.0.0.1:${server.port}` });
  const opened = await harness.cluster.exec("shop", "web-1", { container, command: ["socat", "-", "TCP:db:80"] }, signal);
  try {
    await run(opened, server.lines);
  } finally {
    opened.exec.abort();
  }
}

/** Starts a command and notes what is heard of it. */
function listen(exec: Exec) {
  const heard = { stdout: "", stderr: "", outputEnded: false };
  const exit = Promise.withResolvers<ExecExit>();
  let changed = Promise.withResolvers<void>();
  const note = (): void => {
    changed.resolve();
    changed = Promise.withResolvers();
  };
  exec.start({
    onStdout(piece) {
      heard.stdout += text(piece);
      note();
    },
    onStdoutEnd() {
      heard.outputEnded = true;
      note();
    },
    onStderr(piece) {
      heard.stderr += text(piece);
      note();
    },
    onDrain() {},
    onExit: exit.resolve,
  });
  const until = async (condition: () => boolean): Promise<void> => {
    while (!condition()) await changed.promise;
  };
  return { heard, exit: exit.promise, until };
}

describe("over SPDY a command", () => {
  test("begins when it is started, and tells its output and exit code", async () => {
    let begun = 0;
    const program: FakeProgram = (process) => {
      begun += 1;
      let input = "";
      process.onInput = (piece) => {
        input += text(piece);
      };
      process.onInputEnd = () => {
        process.write(`got ${input}`);
        process.complain("and complain");
        process.exit(7);
      };
    };
    await withExec(
      (connection) => serveSpdy(connection, program),
      async ({ exec, container }, lines) => {
        expect([exec.waits, exec.open, begun, container]).toEqual([true, true, 0, undefined]);
        expect(lines).toEqual([
          "POST /api/v1/namespaces/shop/pods/web-1/exec?command=socat&command=-&command=TCP%3Adb%3A80&stdin=true&stdout=true&stderr=true HTTP/1.1",
        ]);
        const { heard, exit } = listen(exec);
        exec.write(bytes("hello"));
        exec.end();
        expect(await exit).toEqual({ kind: "exited", code: 7 });
        expect(heard).toMatchObject({ stdout: "got hello", stderr: "and complain" });
        expect([exec.open, begun]).toEqual([false, 1]);
      },
    );
  });

  test("that the node cannot run says why", async () => {
    await withExec(
      (connection) => serveSpdy(connection, (process) => process.fail("no such thing")),
      async ({ exec }) => expect(await listen(exec).exit).toEqual({ kind: "failed", text: "no such thing" }),
    );
  });

  test("whose connection breaks is lost, before it is started too", async () => {
    const sockets: RawConnection["socket"][] = [];
    const take = (connection: RawConnection): void => {
      sockets.push(connection.socket);
      serveSpdy(connection, (process) => process.write("begun"));
    };
    await withExec(take, async ({ exec }) => {
      const { exit, until, heard } = listen(exec);
      await until(() => heard.stdout !== "");
      sockets[0]?.end();
      expect(await exit).toMatchObject({ kind: "lost", error: { code: "connection-lost" } });
    });
    await withExec(take, async ({ exec }) => {
      sockets[1]?.end();
      while (exec.open) await new Promise((resolve) => setImmediate(resolve));
      expect(await listen(exec).exit).toMatchObject({ kind: "lost" });
    });
  });

  test("shows signs of life when it is asked, though it reads nothing", async () => {
    await withExec(
      (connection) => serveSpdy(connection, () => {}),
      async ({ exec }) => {
        listen(exec);
        const before = exec.heardMs;
        exec.ping();
        while (exec.heardMs === before) await new Promise((resolve) => setImmediate(resolve));
      },
    );
  });
});

describe("over a WebSocket a command", () => {
  const spoken =
    (protocol: string, log: string[]) =>
    (connection: RawConnection): void => {
      if (!isWebSocket(connection)) {
        refuse(connection, 403, { no: "status" });
        return;
      }
      serveWebSocket(connection, protocol, (message, send) => {
        log.push(message);
        if (message === "0:hello") send(execChannels.stdout, "got hello");
        if (message === "255:0" || message === "0:quit") {
          send(execChannels.stderr, "bye");
          send(execChannels.error, JSON.stringify({ status: "Success" }));
          connection.socket.end(encodeWsClose(1000, ""));
        }
      });
    };

  test("runs from the beginning, and its input can be ended", async () => {
    const log: string[] = [];
    await withExec(spoken("v5.channel.k8s.io", log), async ({ exec }, lines) => {
      expect(lines.map((line) => line.split(" ")[0])).toEqual(["POST", "GET"]);
      expect([exec.waits, exec.canEndStdin]).toEqual([false, true]);
      const { heard, exit, until } = listen(exec);
      exec.write(bytes("hello"));
      await until(() => heard.stdout !== "");
      exec.end();
      expect(await exit).toEqual({ kind: "exited", code: 0 });
      expect(heard).toMatchObject({ stdout: "got hello", stderr: "bye" });
      expect(log).toEqual(["0:hello", "255:0"]);
    });
  });

  test("of the fourth version cannot have its input ended", async () => {
    const log: string[] = [];
    await withExec(spoken("v4.channel.k8s.io", log), async ({ exec }) => {
      const { exit } = listen(exec);
      expect(exec.canEndStdin).toBe(false);
      exec.end();
      exec.write(bytes("quit"));
      expect(await exit).toEqual({ kind: "exited", code: 0 });
      expect(log).toEqual(["0:quit"]);
    });
  });
});

describe("a refusal", () => {
  const failure = (run: Promise<void>): Promise<KtError> =>
    run.then(
      () => expect.unreachable(),
      (error: KtError) => error,
    );

  test("for want of permission names the verbs and the resource", async () => {
    const error = await failure(
      withExec(
        (connection) => refuse(connection, 403, status(403, "no")),
        async () => {},
      ),
    );
    expect(error.message).toBe('not allowed to create pods/exec or get pods/exec in namespace "shop": no');
  });

  const pod = {
    metadata: { annotations: { "kubectl.kubernetes.io/default-container": "main" } },
    spec: { containers: [{ name: "proxy" }, { name: "main" }] },
  };

  /** A pod with two containers. */
  const two = (connection: RawConnection): void => {
    const { head } = connection;
    const container = /container=(\w+)/.exec(head)?.[1];
    if (!head.includes("/exec")) refuse(connection, 200, pod);
    else if (container === undefined)
      refuse(connection, 400, status(400, "a container name must be specified for pod web-1, choose one of: [proxy main]"));
    else if (container === "main") serveSpdy(connection, (process) => process.exit(0));
    else refuse(connection, 400, status(400, `container ${container} is not valid for pod web-1`));
  };

  test("for want of a container's name is answered with the one that kubectl would take", async () => {
    await withExec(two, async ({ exec, container }, lines) => {
      expect(container).toBe("main");
      expect(lines.length).toBe(3);
      expect(await listen(exec).exit).toEqual({ kind: "exited", code: 0 });
    });
  });

  test("for a wrong one says which there are, and is final", async () => {
    const error = await failure(withExec(two, async () => {}, "web"));
    expect([error.code, error.message, error.hints]).toEqual([
      "container-not-found",
      'pod "web-1" has no container "web"',
      ["its containers are: main, proxy"],
    ]);
  });

  test("because the container does not run says so", async () => {
    const answer = (connection: RawConnection): void => {
      if (connection.head.includes("/exec")) refuse(connection, 500, status(500, 'container not found ("main")'));
      else refuse(connection, 200, pod);
    };
    const error = await failure(withExec(answer, async () => {}, "main"));
    expect([error.code, error.message]).toEqual(["no-ready-pod", 'pod "web-1" is there, but its container "main" does not run']);
    expect(error.cause).toBeInstanceOf(KtError);
  });
});
