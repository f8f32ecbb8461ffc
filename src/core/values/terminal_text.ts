/** Escape, the beginning of every terminal sequence. */
const ESC = "\u001b";
/** Beginning of a control sequence: an escape with a bracket, or one character in their place. */
const CSI = `(?:${ESC}\\[|\\x9b)`;
/**
 * Terminal sequences: colours and cursor moves, titles, links and other strings up to their end, what resets or switches the terminal; and an
 * escape that begins nothing whole, because what is taken out behind it could make it whole.
 */
const SEQUENCES = new RegExp(
  `${CSI}[0-?]*[ -/]*[@-~]|${ESC}[\\]PX^_][^\u0007${ESC}]*(?:\u0007|${ESC}\\\\)?|${ESC}(?:[ -/]*[0-~])?`,
  "g",
);
/** Moves to the beginning of the line. */
const TO_BEGINNING = new RegExp(`${CSI}[01]?G`, "g");
/** A sequence that changes nothing but colours and weight. */
const STYLE = new RegExp(`^${ESC}\\[[0-9;:]*m$`);
/** Marks that change in which direction a text is shown, so that it reads as another one. */
const DIRECTIONS = "\\u061c\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069";
/** Line and paragraph ends of Unicode, which some readers take for line ends. */
const LINE_ENDS = "\\u2028\\u2029";
/** Controls, marks of direction, and the mark of byte order, which nobody sees. */
const CONTROLS = new RegExp(`[\\x00-\\x08\\x0b-\\x1a\\x1c-\\x1f\\x7f-\\x9f${DIRECTIONS}${LINE_ENDS}\\ufeff]`, "g");
const LATE_CONTROLS = new RegExp(`[\\x7f-\\x9f${DIRECTIONS}${LINE_ENDS}]`, "g");
const ALL_CONTROLS = new RegExp(`[\\x00-\\x08\\x0a-\\x1f\\x7f-\\x9f${DIRECTIONS}${LINE_ENDS}]`, "g");
/** The styles of our own messages and tables. */
const OWN_STYLES = new RegExp(`(${ESC}\\[(?:[012]|3[1236])m)`);

/** Colours for names, by their order; red is left to errors. */
export const NAME_COLORS: readonly number[] = [36, 33, 32, 35, 34, 96, 93, 92, 95, 94];

/** Wraps text in a colour of the terminal, by its SGR number. */
export function paint(text: string, sgr: number): string {
  return `${ESC}[${sgr}m${text}${ESC}[0m`;
}

/** The same JSON with escapes for the controls behind the letters and for marks of direction, which JSON does not ask for and a terminal heeds. */
export function harmlessJson(json: string): string {
  return json.replace(LATE_CONTROLS, escaped);
}

/** Shows every control but the tab, and every mark of direction, as an escape: nothing of the text does anything, and it stays on one line. */
export function escapeControls(text: string): string {
  return text.replace(ALL_CONTROLS, (control) => control === "\n" ? "\\n" : escaped(control));
}

/** Makes quoted text harmless: it is shown line by line and without colours. Controls that are no whole sequence are shown as escapes. */
export function inert(text: string): string {
  if (text.search(ALL_CONTROLS) < 0) return text;
  // Whole sequences only: a lone escape may begin another one once what is behind it has been taken out.
  return text.replace(SEQUENCES, (sequence) => sequence.length > 1 ? "" : sequence).split("\n").map(escapeControls).join("\n");
}

/** As {@linkcode inert}, but for the styles that our own tables and messages have. */
export function ownStyled(text: string): string {
  return text.split("\n").map((line) => {
    const shown = line.split(OWN_STYLES).map((part, index) => index % 2 === 1 ? part : inert(part)).join("");
    return !shown.includes(ESC) || shown.endsWith(`${ESC}[0m`) ? shown : `${shown}${ESC}[0m`;
  }).join("\n");
}

/** Takes every terminal sequence out of a text. */
export function plain(text: string): string {
  return text.includes(ESC) || text.includes("\u009b") ? text.replace(SEQUENCES, "") : text;
}

/**
 * Tames foreign text for a terminal: it shows in its own colours, which are ended at the end of each line. Sequences that would move the
 * cursor, change the terminal or turn the direction of reading are taken out; of a line that was written over by `\r`,
 * such as a progress bar, the last state stays.
 */
export function tame(text: string): string {
  if (text.search(CONTROLS) < 0 && !text.includes(ESC)) return text;
  return text.split("\n").map(tameLine).join("\n");
}

/** Lists the states that a line has shown, where they differ from its text: each lasts until `\r` or a move to its beginning. */
export function shownStates(line: string): string[] {
  if (line.search(CONTROLS) < 0 && !line.includes(ESC)) return [];
  const states = plain(line.replace(TO_BEGINNING, "\r")).split("\r").map(shown);
  // A short text written over a longer one ends in blanks that nobody sees.
  return states.flatMap((state) => state.endsWith(" ") ? [state, state.trimEnd()] : [state]);
}

function tameLine(line: string): string {
  const styled = line.replace(SEQUENCES, (sequence) => STYLE.test(sequence) ? sequence : "");
  const last = styled.replace(/\r+$/, "").split("\r").at(-1)!;
  // A backspace must not cut a colour in two.
  return last.includes(ESC) ? `${last.replace(CONTROLS, "")}${ESC}[0m` : shown(last);
}

/** A state of a line without controls; a backspace lets the next character take the place of the one before it, as in `|\b/\b-` that turns. */
function shown(state: string): string {
  if (!state.includes("\b")) return state.replace(CONTROLS, "");
  const characters: string[] = [];
  let at = 0;
  for (const character of state) {
    if (character === "\b") at = Math.max(0, at - 1);
    else characters[at++] = character;
  }
  return characters.join("").replace(CONTROLS, "");
}

function escaped(control: string): string {
  return `\\u${control.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
