/** Makes gRPC calls of every kind by @grpc/grpc-js in the real Node, and prints what came as JSON: `node grpc.mjs ADDR AUTHORITY CA CALLS`. */

import { readFileSync } from "node:fs";
import { credentials, makeGenericClientConstructor, status } from "@grpc/grpc-js";

const [addr, authority, ca, calls] = process.argv.slice(2);

/** google.protobuf.StringValue: field 1, its length as a varint, its bytes. */
function encode(text) {
  const bytes = Buffer.from(text);
  const length = [];
  for (let left = bytes.length; ; left >>>= 7) {
    length.push(left > 127 ? (left & 127) | 128 : left);
    if (left <= 127) break;
  }
  return Buffer.concat([Buffer.from([10, ...length]), bytes]);
}

function decode(bytes) {
  let at = 1;
  while (bytes[at] > 127) at++;
  return bytes.subarray(at + 1).toString();
}

const method = (name, requestStream, responseStream) => ({
  path: `/kt.test.Echo/${name}`,
  requestStream,
  responseStream,
  requestSerialize: encode,
  requestDeserialize: decode,
  responseSerialize: encode,
  responseDeserialize: decode,
});

const Echo = makeGenericClientConstructor(
  {
    unary: method("Unary", false, false),
    fail: method("Fail", false, false),
    serverStream: method("ServerStream", false, true),
    clientStream: method("ClientStream", true, false),
    bidi: method("Bidi", true, true),
  },
  "kt.test.Echo",
);
const secure = ca === "" ? credentials.createInsecure() : credentials.createSsl(readFileSync(ca));
const options = { "grpc.default_authority": authority, "grpc.ssl_target_name_override": authority };
const client = new Echo(addr, secure, options);

const codeOf = (error) => status[error.code];

function unary(text) {
  return new Promise((resolve, reject) => {
    let trailer;
    const call = client.unary(text, (error, answer) => {
      if (error) reject(error);
      else queueMicrotask(() => resolve({ answer, trailer }));
    });
    call.on("status", ({ metadata }) => {
      trailer = metadata.get("x-trailer")[0];
    });
  });
}

function fail() {
  return new Promise((resolve) => {
    client.fail("why", (error) => resolve([codeOf(error), error.details, error.metadata.get("x-trailer").length]));
  });
}

async function serverStream() {
  const answers = [];
  for await (const answer of client.serverStream("abc")) answers.push(answer);
  return answers;
}

function clientStream() {
  return new Promise((resolve, reject) => {
    const call = client.clientStream((error, answer) => (error ? reject(error) : resolve(answer)));
    for (const word of ["one", "two", "three"]) call.write(word);
    call.end();
  });
}

/** Waits for each answer before it sends the next message. */
async function bidi(text, turns) {
  const call = client.bidi();
  const answers = [];
  call.write(`${text} 0`);
  for await (const answer of call) {
    answers.push(answer);
    if (answers.length < turns) call.write(`${text} ${answers.length}`);
    else call.end();
  }
  return answers;
}

/** A call that has its first answer and waits for another, until its deadline or `end` comes. */
function hang(more, end) {
  return new Promise((resolve) => {
    const call = client.bidi(more);
    call.write("one");
    call.on("data", () => end(call));
    call.on("error", (error) => resolve(codeOf(error)));
  });
}

/** 100 at once, in turn of every kind; gives how many came out as they should. */
async function many(count) {
  const kinds = [
    async () => (await unary("hello")).answer === "hello",
    async () => (await serverStream()).length === 3,
    async () => (await clientStream()) === "one+two+three",
    async () => (await bidi("turn", 3)).join() === "turn 0,turn 1,turn 2",
  ];
  let next = 0;
  let right = 0;
  const work = async () => {
    while (next < count) if (await kinds[next++ % kinds.length]()) right += 1;
  };
  await Promise.all(Array.from({ length: 100 }, work));
  return right;
}

const large = "x".repeat(1_000_000);
const result = {
  unary: (await unary("hello")).answer,
  trailer: (await unary("hello")).trailer,
  fail: await fail(),
  serverStream: await serverStream(),
  clientStream: await clientStream(),
  bidi: await bidi("turn", 5),
  deadline: await hang({ deadline: Date.now() + 1000 }, () => {}),
  cancelled: await hang({}, (call) => call.cancel()),
  large: (await Promise.all(Array.from({ length: 20 }, () => unary(large)))).every(({ answer }) => answer === large),
  many: await many(Number(calls)),
};
client.close();
process.stdout.write(`${JSON.stringify(result)}\n`);
