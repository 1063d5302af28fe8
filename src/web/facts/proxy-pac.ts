/** The PAC file: tells browsers which names go to kt's proxy, in the JavaScript of the oldest of them. Pure. */

import type { ProxyFacts } from "./hub-facts.ts";

export const pacContentType = "application/x-ns-proxy-autoconfig";

/** Small for a thousand namespaces as well: they stand in one text, and patterns as they are written. */
export function proxyPac(proxies: readonly ProxyFacts[]): string {
  const rules = proxies.map(ruleOf);
  return `// Names of the cluster go to kt's proxy, all others their own way.
var rules = ${literal(rules)};

function FindProxyForURL(url, host) {
  host = host.toLowerCase().replace(/\\.$/, "");
  for (var at = 0; at < rules.length; at++) if (isMeant(host, rules[at])) return "PROXY " + rules[at].proxy;
  return "DIRECT";
}

function isMeant(host, rule) {
  if (host.indexOf(".") < 0) return isIn(host, rule.names);
  for (var at = 0; at < rule.suffixes.length; at++) if (endsWith(host, "." + rule.suffixes[at])) return true;
  for (at = 0; at < rule.clusters.length; at++) if (isService(host, rule.clusters[at])) return true;
  return false;
}

function isService(host, cluster) {
  if (!endsWith(host, cluster.end)) return false;
  var labels = host.slice(0, host.length - cluster.end.length).split(".");
  if (labels.length !== 2 || labels[0] === "") return false;
  if (isIn(labels[1], cluster.namespaces)) return true;
  for (var at = 0; at < cluster.patterns.length; at++) if (shExpMatch(labels[1], cluster.patterns[at])) return true;
  return false;
}

function isIn(name, list) {
  return (" " + list + " ").indexOf(" " + name + " ") >= 0;
}

function endsWith(host, end) {
  return host.length >= end.length && host.slice(host.length - end.length) === end;
}
`;
}

function ruleOf({ address, suffixes, namespaces, names }: ProxyFacts) {
  const byLabel = Map.groupBy(namespaces, ({ label }) => label);
  const clusters = [...byLabel].map(([label, those]) => {
    const all = those.map(({ namespace }) => namespace);
    const isPattern = (text: string): boolean => /[*?]/.test(text);
    return {
      end: label === undefined ? "" : `.${label}`,
      namespaces: all.filter((each) => !isPattern(each)).join(" "),
      patterns: all.filter(isPattern),
    };
  });
  return { proxy: address, suffixes, clusters, names: names.join(" ") };
}

/** JSON is JavaScript, but for two characters that end a line there. */
function literal(value: unknown): string {
  return JSON.stringify(value).replaceAll("\u2028", "\\u2028").replaceAll("\u2029", "\\u2029");
}
