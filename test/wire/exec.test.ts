/** Tests the exec protocol: the query, the channels of messages in any pieces, and how a command's end is read. */

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { concatBytes } from "#base/bytes.ts";
import { ChannelDecoder, closeStdin, execQuery, isMissingProgram, parseExecEnd } from "#wire/exec.ts";
import { cut, protocolErrorOf } from "./pieces.ts";

describe("the query", () => {
  test("repeats the command word by word, as what it is", () => {
    expect(execQuery({ container: "main", command: ["sh", "-c", 'read -r _ && exec "$@"', "a&b=c d;`e`"] })).toBe(
      "?command=sh&command=-c&command=read+-r+_+%26%26+exec+%22%24%40%22&command=a%26b%3Dc+d%3B%60e%60&container=main&stdin=true&stdout=true&stderr=true",
    );
  });

  test("carries any words", () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: "binary" }), { minLength: 1 }), (command) => {
        const query = new URLSearchParams(execQuery({ container: undefined, command }));
        expect(query.getAll("command")).toEqual(command);
        expect(query.has("container")).toBe(false);
      }),
    );
  });
});

describe("channels", () => {
  interface Message {
    readonly channel: number;
    readonly bytes: Uint8Array;
  }
  const messages = fc.array(fc.record({ channel: fc.nat(255), bytes: fc.uint8Array({ maxLength: 20 }) }), { maxLength: 10 });

  /** What comes out, with neighbours of one channel joined. */
  const joined = (pieces: readonly Message[]): [number, number[]][] => {
    const result: [number, number[]][] = [];
    for (const { channel, bytes } of pieces) {
      const last = result.at(-1);
      if (bytes.length === 0) continue;
      if (last?.[0] === channel) last[1].push(...bytes);
      else result.push([channel, [...bytes]]);
    }
    return result;
  };

  test("are found however the messages are cut", () => {
    fc.assert(
      fc.property(messages, fc.array(fc.nat()), (sent, places) => {
        const heard: Message[] = [];
        const decoder = new ChannelDecoder((channel, bytes) => heard.push({ channel, bytes }));
        for (const { channel, bytes } of sent) {
          const pieces = cut(concatBytes([Uint8Array.of(channel), bytes]), places);
          for (const [index, piece] of pieces.entries()) decoder.push(piece, index === pieces.length - 1);
        }
        expect(joined(heard)).toEqual(joined(sent));
      }),
    );
  });

  test("an empty message is none", () => {
    const heard: number[] = [];
    const decoder = new ChannelDecoder((channel) => heard.push(channel));
    decoder.push(new Uint8Array(0), true);
    decoder.push(Uint8Array.of(1), true);
    decoder.push(Uint8Array.of(2, 7), true);
    expect(heard).toEqual([2]);
  });

  test("stdin is ended by the fifth version's close", () => {
    expect([...closeStdin]).toEqual([255, 0]);
  });
});

/** As the API server of Kubernetes 1.35 and containerd 1.6 send them. */
const told = {
  success: '{"metadata":{},"status":"Success"}',
  exit: '{"metadata":{},"status":"Failure","message":"command terminated with non-zero exit code: error executing command [sh -c exit 7], exit code 7","reason":"NonZeroExitCode","details":{"causes":[{"reason":"ExitCode","message":"7"}]}}',
  missing:
    '{"metadata":{},"status":"Failure","message":"Internal error occurred: error executing command in container: failed to exec in container: failed to start exec \\"0f\\": OCI runtime exec failed: exec failed: unable to start container process: exec: \\"socat\\": executable file not found in $PATH: unknown","reason":"InternalError","details":{"causes":[{"message":"error executing command in container"}]},"code":500}',
};

describe("the end of a command", () => {
  test("is reported with its exit code", () => {
    expect(parseExecEnd(told.success)).toEqual({ kind: "exited", code: 0 });
    expect(parseExecEnd(told.exit)).toEqual({ kind: "exited", code: 7 });
  });

  test("that never ran is a failure in the node's words", () => {
    const end = parseExecEnd(told.missing);
    expect(end).toMatchObject({ kind: "failed" });
    expect(end.kind === "failed" && isMissingProgram(end.text)).toBe(true);
    expect(isMissingProgram("error executing command in container: container is not created or running")).toBe(false);
    expect(isMissingProgram('exec: "/usr/bin/nc": stat /usr/bin/nc: no such file or directory: unknown')).toBe(true);
    expect(isMissingProgram("executable file `socat` not found in $PATH: No such file or directory")).toBe(true);
  });

  test("is an end or a protocol error, whatever is sent", () => {
    const value = fc.oneof(fc.constantFrom("Success", "NonZeroExitCode", "ExitCode", "7"), fc.jsonValue());
    const odd = fc.record({ status: value, reason: value, message: value, details: fc.oneof(value, fc.record({ causes: value })) });
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.json(),
          odd.map((status) => JSON.stringify(status)),
        ),
        (text) => {
          protocolErrorOf(() => expect(["exited", "failed"]).toContain(parseExecEnd(text).kind));
        },
      ),
    );
  });
});
