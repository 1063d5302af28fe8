/** Keys of a log. Pure. */

import { type Binding, change, everywhere } from "./binding.ts";
import { quit } from "./list-keys.ts";
import { type LogView, newLog, scrolledLog } from "./log.ts";
import { bodyRows, type Model } from "./model.ts";
import { containerAfter } from "./pods.ts";

export const logKeys: readonly Binding[] = [
  {
    keys: ["escape", "q", "left", "backspace"],
    help: ["Esc q", "back"],
    hint: ["Esc", "back"],
    act: change((model) => ({ ...model, log: undefined })),
  },
  { keys: ["up", "k"], help: ["↑ ↓", "scroll"], hint: ["↑↓", "scroll"], act: change((model) => scrolled(model, -1)) },
  { keys: ["down", "j"], act: change((model) => scrolled(model, 1)) },
  { keys: ["page-up"], help: ["PgUp PgDn", "scroll by a page"], act: change((model) => scrolled(model, -bodyRows(model))) },
  { keys: ["page-down", " "], act: change((model) => scrolled(model, bodyRows(model))) },
  { keys: ["home", "g"], help: ["Home", "to the oldest line"], act: change((model) => scrolled(model, Number.NEGATIVE_INFINITY)) },
  {
    keys: ["end", "G", "f"],
    help: ["End f", "follow what comes"],
    hint: ["f", "follow"],
    act: change((model) => scrolled(model, Number.POSITIVE_INFINITY)),
  },
  { keys: ["w"], help: ["w", "break long lines, or cut them"], hint: ["w", "wrap"], act: change((model) => onLog(model, wrapped)) },
  { keys: ["c"], help: ["c", "next container of the pod"], hint: ["c", "container"], act: change((model) => next(model, false)) },
  { keys: ["p"], help: ["p", "next pod"], hint: ["p", "pod"], act: change((model) => next(model, true)) },
  { keys: ["r"], help: ["r", "read it again"], hint: ["r", "again"], act: change((model) => onLog(model, ({ source }) => newLog(source))) },
  ...everywhere,
  { keys: ["ctrl-c", "ctrl-d"], help: ["Ctrl-C", "quit"], act: quit },
];

function onLog(model: Model, next: (log: LogView) => LogView): Model {
  return model.log ? { ...model, log: next(model.log) } : model;
}

const wrapped = (log: LogView): LogView => ({ ...log, isWrapped: !log.isWrapped });

function scrolled(model: Model, by: number): Model {
  return onLog(model, (log) => scrolledLog(log, by, bodyRows(model)));
}

function next(model: Model, byPod: boolean): Model {
  return onLog(model, (log) => {
    if (log.source.kind !== "pod") return log;
    const container = containerAfter(model.pods, log.source, byPod);
    return container ? newLog({ ...log.source, ...container }) : log;
  });
}
