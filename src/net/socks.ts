/** Connects through a SOCKS5 proxy (RFC 1928, RFC 1929), which resolves the name. */

import { ByteQueue } from "#base/bytes.ts";
import type { Conn } from "#base/conn.ts";
import { KtError, toKtError } from "#base/errors.ts";
import { formatHostPort } from "#base/hostname.ts";
import { systemReason } from "#base/system-error.ts";
import { connectTcp } from "#net/tcp.ts";

export interface SocksProxy {
  readonly host: string;
  readonly port: number;
  readonly login: { readonly username: string; readonly password: string } | undefined;
}

/** RFC 1928 §6, REP. */
const replies: readonly string[] = [
  "succeeded",
  "general failure",
  "not allowed by its rules",
  "network unreachable",
  "host unreachable",
  "connection refused",
  "timed out",
  "command not supported",
  "address type not supported",
];

const version = 5;
const methods = { none: 0, login: 2 } as const;
/** The longest answer is that of CONNECT with a name of 255 bytes. */
const maxAnswerBytes = 512;

/** Rejects with KtError `proxy-failed`. */
export async function connectThroughSocks(proxy: SocksProxy, host: string, port: number, signal: AbortSignal): Promise<Conn> {
  try {
    const conn = await connectTcp({ host: proxy.host, port: proxy.port, signal });
    return await converse(conn, handshake(proxy, host, port), signal);
  } catch (error) {
    throw toKtError(
      new Error(systemReason(error), { cause: error }),
      "proxy-failed",
      `connect through the proxy ${formatHostPort(proxy)} to ${formatHostPort({ host, port })}`,
    );
  }
}

/** What to send first, and what to send after each answer; how long an answer is shows in its first bytes. */
interface Step {
  readonly send: Uint8Array;
  lengthOf(answer: Uint8Array): number | undefined;
  /** Throws for a refusal; else the next step. */
  next(answer: Uint8Array): Step | undefined;
}

function handshake(proxy: SocksProxy, host: string, port: number): Step {
  const { login } = proxy;
  const connect = connectStep(host, port);
  return {
    send: Uint8Array.from(login ? [version, 2, methods.none, methods.login] : [version, 1, methods.none]),
    lengthOf: () => 2,
    next(answer) {
      if (answer[0] !== version) throw new KtError("proxy-failed", "the peer does not speak SOCKS5");
      if (answer[1] === methods.none) return connect;
      if (answer[1] === methods.login && login) return loginStep(login, connect);
      throw new KtError("proxy-failed", "the proxy wants a login");
    },
  };
}

function loginStep(login: { username: string; password: string }, connect: Step): Step {
  const username = Buffer.from(login.username);
  const password = Buffer.from(login.password);
  return {
    send: Uint8Array.from([1, username.length, ...username, password.length, ...password]),
    lengthOf: () => 2,
    next(answer) {
      if (answer[1] !== 0) throw new KtError("proxy-failed", "the proxy refused the login");
      return connect;
    },
  };
}

function connectStep(host: string, port: number): Step {
  const name = Buffer.from(host);
  return {
    send: Uint8Array.from([version, 1, 0, 3, name.length, ...name, port >>> 8, port & 0xff]),
    lengthOf(answer) {
      const type = answer[3];
      if (type === 1) return 10;
      if (type === 4) return 22;
      return answer[4] === undefined ? undefined : 7 + answer[4];
    },
    next(answer) {
      if (answer[1] !== 0) throw new KtError("proxy-failed", `the proxy answered "${replies[answer[1] ?? 1] ?? `code ${answer[1]}`}"`);
      return undefined;
    },
  };
}

function converse(conn: Conn, first: Step, signal: AbortSignal): Promise<Conn> {
  return new Promise((resolve, reject) => {
    const answers = new ByteQueue(maxAnswerBytes);
    let step: Step | undefined = first;
    const fail = (error: unknown): void => {
      signal.removeEventListener("abort", onAbort);
      // First the reason: aborting reports a close of its own, at once.
      reject(error);
      conn.abort();
    };
    const onAbort = (): void => fail(signal.reason);
    const advance = (): void => {
      for (;;) {
        const length = step && answers.length >= 2 ? step.lengthOf(answers.peek()) : undefined;
        if (!step || length === undefined || answers.length < length) return;
        step = step.next(answers.take(length));
        if (step) conn.write(step.send);
        else finish();
      }
    };
    const finish = (): void => {
      signal.removeEventListener("abort", onAbort);
      conn.pause();
      conn.unread(answers.takeAll());
      resolve(conn);
    };
    signal.addEventListener("abort", onAbort, { once: true });
    conn.start({
      onData(bytes) {
        try {
          answers.push(bytes);
          advance();
        } catch (error) {
          fail(error);
        }
      },
      onEnd: () => fail(new KtError("proxy-failed", "the proxy closed the connection")),
      onDrain() {},
      onClose: (error) => fail(error ?? new KtError("proxy-failed", "the proxy closed the connection")),
    });
    conn.write(first.send);
  });
}
