/** What kt's DNS says of the names that are its own, as the cluster's DNS would of them (Kubernetes DNS specification 1.1.0). Pure. */

import { type DnsQuestion, type DnsRecord, type DnsReply, dnsClasses, dnsCodes, dnsData, dnsTypes } from "#wire/dns-message.ts";
import { dnsLimits } from "./limits.ts";
import type { DnsEntry, DnsNames, DnsPort } from "./names.ts";

export interface OwnNames {
  readonly names: DnsNames;
  /** Addresses at which the name is served by its hostname, as those of routes; none where it is not. */
  readonly served: (name: string) => readonly string[];
}

/** Undefined for a name that others answer for. */
export function answer(question: DnsQuestion, own: OwnNames): DnsReply | undefined {
  if (question.class !== dnsClasses.internet && question.class !== dnsClasses.any) return failure(dnsCodes.refused);
  return (
    answerPointer(question, own.names) ?? answerHost(question, own) ?? answerService(question, own.names) ?? answerZone(question, own.names)
  );
}

/** An answer without records: that the server cannot or will not say. */
export function failure(code: number): DnsReply {
  return { code, isAuthoritative: false };
}

function answerHost(question: DnsQuestion, { names, served }: OwnNames): DnsReply | undefined {
  const { name } = question;
  const addresses = names.find(name)?.addresses ?? servedAt(name, served);
  if (addresses.length === 0) return undefined;
  const records = addresses.map((address) => addressRecord(name, address));
  const wanted = asksFor(question, dnsTypes.ANY) ? records : records.filter(({ type }) => type === question.type);
  return found(wanted, name, names);
}

/** Names under .localhost lead to this machine, and are not asked for elsewhere (RFC 6761 §6.3). */
function servedAt(name: string, served: OwnNames["served"]): readonly string[] {
  const addresses = served(name);
  return addresses.length === 0 && /(^|\.)localhost$/.test(name) ? ["127.0.0.1", "::1"] : addresses;
}

function addressRecord(name: string, address: string): DnsRecord {
  const isIpv6 = address.includes(":");
  return record(name, isIpv6 ? dnsTypes.AAAA : dnsTypes.A, isIpv6 ? dnsData.aaaa(address) : dnsData.a(address));
}

/** `_PORT._PROTOCOL.NAME` (RFC 2782): the ports that are listened on here. */
function answerService(question: DnsQuestion, names: DnsNames): DnsReply | undefined {
  const { name } = question;
  const [, port, protocol, host = ""] = /^(?:_([^.]+)\.)?_(tcp|udp)\.(.+)$/.exec(name) ?? [];
  const entry = names.find(host);
  if (entry === undefined) return undefined;
  const isMeant = (each: DnsPort): boolean => each.name !== "" && (each.transport ?? "tcp") === protocol;
  if (!entry.ports.some(isMeant)) return missing(host, names);
  if (port === undefined) return found([], host, names);
  const isAsked = (each: DnsPort): boolean => isMeant(each) && each.name.toLowerCase() === port;
  const places = entry.addresses.flatMap((address) => placesAt(address, host, isAsked, entry, names));
  if (places.length === 0) return missing(host, names);
  if (!asksFor(question, dnsTypes.SRV)) return found([], host, names);
  const answers = places.map((place) => record(name, dnsTypes.SRV, dnsData.srv(place.port, place.host)));
  return { ...found(answers, host, names), additionals: places.map((place) => addressRecord(place.host, place.address)) };
}

interface ServicePlace {
  readonly host: string;
  readonly address: string;
  readonly port: number;
}

/** The service itself, or one pod of a headless one, under a name that ends like the one that was asked for. */
function placesAt(address: string, asked: string, isAsked: (port: DnsPort) => boolean, service: DnsEntry, names: DnsNames): ServicePlace[] {
  const entry = names.at(address) ?? service;
  const found = entry.ports.find(isAsked);
  const host = entry === service ? asked : (entry.names.find((name) => name.endsWith(`.${asked}`)) ?? entry.fullName);
  return found === undefined ? [] : [{ host, address, port: found.localPort }];
}

const reversed = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.in-addr\.arpa$/;

function answerPointer(question: DnsQuestion, names: DnsNames): DnsReply | undefined {
  const { name } = question;
  const entry = names.at(reversed.exec(name)?.slice(1).toReversed().join(".") ?? "");
  if (entry === undefined) return undefined;
  const isWanted = asksFor(question, dnsTypes.PTR);
  return found(isWanted ? [record(name, dnsTypes.PTR, dnsData.ptr(entry.fullName))] : [], name, names);
}

/** A name in a zone that nothing has; the zone's own name, and those that others end with, are there and have no addresses. */
function answerZone(question: DnsQuestion, names: DnsNames): DnsReply | undefined {
  const { name } = question;
  const zone = names.zoneOf(name);
  if (zone === undefined) return undefined;
  if (zone === name && asksFor(question, dnsTypes.SOA)) return found([authority(name)], name, names);
  return names.isParent(name) ? found([], name, names) : missing(name, names);
}

function asksFor({ type }: DnsQuestion, wanted: number): boolean {
  return type === wanted || type === dnsTypes.ANY;
}

/** Without records the name is there, and has none of the kind. */
function found(answers: readonly DnsRecord[], name: string, names: DnsNames): DnsReply {
  const reply = { code: dnsCodes.noError, isAuthoritative: true, answers };
  return answers.length > 0 ? reply : { ...reply, authorities: [authority(names.zoneOf(name) ?? name)] };
}

function missing(name: string, names: DnsNames): DnsReply {
  return { code: dnsCodes.noSuchName, isAuthoritative: true, authorities: [authority(names.zoneOf(name) ?? name)] };
}

function record(name: string, type: number, data: Uint8Array): DnsRecord {
  return { name, type, ttlSeconds: dnsLimits.ttlSeconds, data };
}

/** By which resolvers know how long they may remember that something is not there. */
function authority(zone: string): DnsRecord {
  const ttlSeconds = dnsLimits.negativeTtlSeconds;
  return { name: zone, type: dnsTypes.SOA, ttlSeconds, data: dnsData.soa(zone, ttlSeconds) };
}
