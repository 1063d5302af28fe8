/** /etc/nsswitch.conf: where the C library looks names of hosts up (nsswitch.conf(5)). Characters are bytes, as in `hosts-file.ts`. */

const hostsLine = /^([ \t]*hosts[ \t]*:)[ \t]*([^\n#]*)/m;

/** With /etc/hosts asked first; undefined where it is already. Without a line of its own glibc asks DNS first, and mostly nothing else. */
export function filesFirst(text: string): string | undefined {
  const services = hostsLine.exec(text)?.[2];
  if (services === undefined) return `hosts: files dns\n${text}`;
  return /^files(?![\w-])/.test(services) ? undefined : text.replace(hostsLine, (_line, head, others) => `${head} files ${others}`);
}
