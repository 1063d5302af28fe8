/** Names of container images: `[REGISTRY[:PORT]/]PATH[:TAG][@DIGEST]`, and nothing else. */

const registry = /(?:[A-Za-z0-9][A-Za-z0-9.-]*(?::\d{1,5})?\/)?/;
const part = /[a-z0-9]+(?:[._-]+[a-z0-9]+)*/;
const tag = /(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?/;
const digest = /(?:@sha(?:256:[0-9a-f]{64}|512:[0-9a-f]{128}))?/;

const whole = new RegExp(`^${registry.source}${part.source}(?:/${part.source})*${tag.source}${digest.source}$`);

/** True of what a container runtime would take for an image's name. */
export function isImage(text: string): boolean {
  return text.length <= 512 && whole.test(text);
}
