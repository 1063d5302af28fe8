/** Sets up a network interface of this system: address, MTU, and up (Linux). */

import { ptr } from "bun:ffi";
import { KtError } from "#base/errors.ts";
import { cLibrary } from "./c-library.ts";
import { errorName } from "./error-name.ts";

export interface LinkSettings {
  /** An IPv4 address of its own, and the length of the prefix that is reached through it. */
  readonly address: string;
  readonly prefixLength: number;
  readonly mtu: number;
}

const functions = {
  socket: { args: ["i32", "i32", "i32"], returns: "i32" },
  send: { args: ["i32", "ptr", "u64", "i32"], returns: "i64" },
  recv: { args: ["i32", "ptr", "u64", "i32"], returns: "i64" },
  close: { args: ["i32"], returns: "i32" },
  if_nametoindex: { args: ["ptr"], returns: "u32" },
} as const;

/** Constants of include/linux/socket.h and include/uapi/linux/{netlink,rtnetlink,if_addr,if_link,if}.h. */
const family = { netlink: 16, ipv4: 2 } as const;
const rawCloseOnExec = 3 | 0o2000000;
const message = { error: 2, newLink: 16, newAddress: 20 } as const;
const flag = { request: 0x1, acknowledge: 0x4, replace: 0x100, create: 0x400 } as const;
const attribute = { linkMtu: 4, address: 1, localAddress: 2 } as const;
const isUp = 0x1;

/** Whether there is one of this name in this network namespace. */
export function hasLink(link: string): boolean {
  return indexOf(link) !== 0;
}

/** Takes effect when it returns, also where some of it is so already. Throws KtError `wireguard-failed`. */
export function setLink(link: string, { address, prefixLength, mtu }: LinkSettings): void {
  const index = indexOf(link);
  if (index === 0) throw new KtError("wireguard-failed", `there is no network interface "${link}"`);
  const own = Uint8Array.from(address.split(".").map(Number));
  ask(`give ${link} an MTU of ${mtu}`, message.newLink, 0, [
    ...words(0, index, isUp, isUp),
    ...attributeOf(attribute.linkMtu, new Uint8Array(Uint32Array.of(mtu).buffer)),
  ]);
  ask(`give ${link} the address ${address}/${prefixLength}`, message.newAddress, flag.replace | flag.create, [
    ...[family.ipv4, prefixLength, 0, 0],
    ...words(index),
    ...attributeOf(attribute.localAddress, own),
    ...attributeOf(attribute.address, own),
  ]);
}

function indexOf(link: string): number {
  return cLibrary(functions).if_nametoindex(ptr(Buffer.from(`${link}\0`)));
}

/** 32 bits each, in the machine's order. */
function words(...values: readonly number[]): Uint8Array {
  return new Uint8Array(Uint32Array.from(values).buffer);
}

/** struct rtattr; every value here has 4 bytes, so nothing is padded. */
function attributeOf(type: number, value: Uint8Array): Uint8Array {
  return new Uint8Array([...new Uint8Array(Uint16Array.of(4 + value.length, type).buffer), ...value]);
}

/** One request by rtnetlink(7), and its answer. */
function ask(what: string, type: number, flags: number, body: readonly number[]): void {
  const headerBytes = 16;
  const c = cLibrary(functions);
  const request = new Uint8Array(headerBytes + body.length);
  const view = new DataView(request.buffer);
  view.setUint32(0, request.length, true);
  view.setUint16(4, type, true);
  view.setUint16(6, flag.request | flag.acknowledge | flags, true);
  request.set(body, headerBytes);
  const answer = new Uint8Array(1024);
  const socket = c.socket(family.netlink, rawCloseOnExec, 0);
  try {
    c.send(socket, ptr(request), request.length, 0);
    const length = Number(c.recv(socket, ptr(answer), answer.length, 0));
    const head = new DataView(answer.buffer);
    const isAnswer = length >= headerBytes + 4 && head.getUint16(4, true) === message.error;
    const code = isAnswer ? -head.getInt32(headerBytes, true) : undefined;
    if (code !== 0) throw new KtError("wireguard-failed", `the system does not ${what}: ${codeText(code)}`);
  } finally {
    c.close(socket);
  }
}

const codeText = (code: number | undefined): string => (code === undefined ? "it gave no answer" : errorName(code));
