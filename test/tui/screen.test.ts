/** Drawing on a terminal: only what differs, and everything as before at the end. */

import { describe, expect, test } from "bun:test";
import { Screen } from "#tui/screen.ts";
import { row } from "#tui/view/picture.ts";
import { RecordingTerminal } from "#test/support/recording-terminal.ts";

function opened(isColoured = true): { readonly terminal: RecordingTerminal; readonly screen: Screen } {
  const terminal = new RecordingTerminal({ isColoured });
  const screen = new Screen(terminal);
  screen.open();
  terminal.written = [];
  return { terminal, screen };
}

const between = (text: string): string => `\u001b[?2026h${text}\u001b[?2026l`;

describe("a screen", () => {
  test("draws only the rows that differ", () => {
    const { terminal, screen } = opened();
    screen.draw([row("one", 20), row("two", 20)]);
    screen.draw([row("one", 20), row("zwei", 20)]);
    screen.draw([row("one", 20), row("zwei", 20)]);
    expect(terminal.written).toEqual([between("\u001b[1;1Hone\u001b[K\u001b[2;1Htwo\u001b[K"), between("\u001b[2;1Hzwei\u001b[K")]);
  });

  test("does not erase behind a full row, where that would take its last character", () => {
    const { terminal, screen } = opened();
    screen.draw([row("12345678901234567890", 20)]);
    expect(terminal.written).toEqual([between("\u001b[1;1H12345678901234567890")]);
  });

  test("puts what follows characters of unsure width in its column", () => {
    const { terminal, screen } = opened();
    screen.draw([row(["日本", "x"], 20)]);
    expect(terminal.written).toEqual([between("\u001b[1;1H日本\u001b[5Gx\u001b[K")]);
  });

  test("reverses the selected row, and has no codes without colours", () => {
    const selected = { ...row([{ text: "red", tone: "red" }], 20), isSelected: true };
    const coloured = opened();
    coloured.screen.draw([selected]);
    expect(coloured.terminal.written).toEqual([between(`\u001b[1;1H\u001b[7m${"red".padEnd(20)}\u001b[27m`)]);
    const plain = opened(false);
    plain.screen.draw([selected]);
    expect(plain.terminal.written).toEqual([between("\u001b[1;1Hred\u001b[K")]);
  });

  test("gives back what it took, once, also while the process ends", () => {
    for (const end of ["close", "abandon"] as const) {
      const { terminal, screen } = opened();
      expect(terminal.isRaw).toBe(true);
      screen[end]();
      screen[end]();
      expect(terminal.isRaw).toBe(false);
      expect(terminal.written).toHaveLength(1);
      expect(terminal.written[0]).toEndWith("\u001b[?2004l\u001b[?7h\u001b[?25h\u001b[?1049l");
      screen.draw([row("late", 20)]);
      expect(terminal.written).toHaveLength(1);
    }
  });
});
