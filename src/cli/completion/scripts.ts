/** The script of each shell that asks `kt complete` what may come next. */

import bash from "./kt.bash.txt" with { type: "text" };
import fish from "./kt.fish.txt" with { type: "text" };
import zsh from "./kt.zsh.txt" with { type: "text" };

export const completionScripts = { bash, zsh, fish } as const;
export type CompletionShell = keyof typeof completionScripts;

export function isCompletionShell(name: string): name is CompletionShell {
  return Object.hasOwn(completionScripts, name);
}
