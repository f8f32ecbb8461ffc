import { formatBytes } from "../core/values/bytes.ts";
import { formatDuration } from "../core/values/duration.ts";
import type { DaemonEvent } from "../core/supervise/event.ts";
import type { DaemonStatus, ReloadAnswer, ReloadChange, UnitOutcome, UnitStatus } from "../core/supervise/operations.ts";
import { hasRunInState, hasUptimeInState, isFailedState, isRunningState, isStartingState, type State } from "../core/supervise/state.ts";
import { plain as withoutSequences } from "../core/values/terminal_text.ts";
import type { Paint, Style } from "./output.ts";

/** A cell of a table: its text, and how it is styled. */
export interface Cell {
  /** Text, without control characters. */
  text: string;
  /** Style of the whole cell. */
  style?: Style;
  /** Numbers stand on the right. */
  right?: boolean;
}

/** How a table is written. */
export interface TableOptions {
  /** Styles a text. */
  paint: Paint;
  /** Width that no line may exceed; the last column is cut. Undefined cuts nothing. */
  width?: number;
}

const STATE_STYLES: Record<State, Style> = {
  waiting: "yellow",
  starting: "yellow",
  running: "green",
  stopping: "yellow",
  stopped: "dim",
  restarting: "yellow",
  completed: "dim",
  skipped: "dim",
  failed: "red",
  fatal: "red",
};

const GAP = 2;

/** Writes rows under a head, each column as wide as its longest text. */
export function renderTable(head: readonly string[], rows: readonly (readonly Cell[])[], options: TableOptions): string {
  const { paint, width } = options;
  const cells = [head.map((text): Cell => ({ text, style: "bold" })), ...rows];
  const widths = head.map((_, column) => Math.max(...cells.map((row) => lengthOf(row[column].text))));
  if (width !== undefined) fit(widths, width);
  const lines = cells.map((row) =>
    row.map((cell, column) => {
      const text = cut(plainCell(cell.text), widths[column]);
      const space = " ".repeat(widths[column] - lengthOf(text));
      const isLast = column === row.length - 1;
      const isRight = cell.right ?? rows[0]?.[column].right ?? false;
      const painted = cell.style === undefined || text === "" ? text : paint(text, cell.style);
      return isRight ? space + painted : isLast ? painted : painted + space;
    }).join(" ".repeat(GAP)).trimEnd()
  );
  return lines.join("\n");
}

/** Writes a status for a person: one line about the daemon, then one for each unit. */
export function renderStatus(status: DaemonStatus, options: TableOptions & { nowMs: number; program: string }): string {
  const { paint, nowMs } = options;
  const head = [
    paint(plainCell(status.name), "bold"),
    paint(status.state, status.state === "running" ? "green" : "yellow"),
    status.state === "running" ? (status.ready ? "ready" : paint("not ready", "yellow")) : "",
    `pid ${status.pid}`,
    `up ${formatDuration(status.uptimeMs)}`,
    formatBytes(status.residentBytes),
    plainCell(status.config ?? ""),
  ].filter((part) => part !== "").join("  ");
  const top = [head, ...(status.notices ?? []).map((notice) => paint(plainCell(notice), "yellow"))].join("\n");
  if (status.units.length === 0) return `${top}\nno units`;
  const rows = status.units.map((unit): Cell[] => [
    { text: unit.name },
    { text: unit.state, style: STATE_STYLES[unit.state] },
    { text: unit.ready === null ? "-" : unit.ready ? "yes" : "no", ...(unit.ready === false ? { style: "yellow" as const } : {}) },
    { text: pidOf(unit), right: true },
    { text: uptimeOf(unit, nowMs), right: true },
    { text: String(unit.restarts), right: true },
    { text: reasonOf(unit), style: "dim" },
  ]);
  const table = renderTable(["NAME", "STATE", "READY", "PID", "UPTIME", "RESTARTS", "REASON"], rows, options);
  return `${top}\n\n${table}${nextStep(status, options)}`;
}

/** Returns the command that shows why a unit is down for good; on a terminal only, as programs read tables too. */
function nextStep({ units }: DaemonStatus, { paint, width, program }: TableOptions & { program: string }): string {
  const down = units.find(({ state }) => isFailedState(state));
  if (down === undefined || width === undefined) return "";
  return `\n\n${paint(`next: \`${program} logs ${down.name}\` may tell why, \`${program} start ${down.name}\` tries again`, "dim")}`;
}

/** Writes what a command did, one line for each unit. */
export function renderOutcomes(units: readonly UnitOutcome[], options: TableOptions): string {
  const { paint } = options;
  const widest = Math.max(...units.map((unit) => lengthOf(unit.name)));
  return units.map((unit) => {
    const name = plainCell(unit.name).padEnd(widest);
    const reason = unit.reason === "" || unit.ok ? "" : `: ${plainCell(unit.reason)}`;
    const note = unit.note === undefined ? "" : ` (${plainCell(unit.note)})`;
    return `${name}  ${paint(unit.outcome, unit.ok ? "green" : "red")}${reason}${note}`;
  }).join("\n");
}

const CHANGE_SIGNS: Record<ReloadChange["kind"], { sign: string; style: Style }> = {
  added: { sign: "+", style: "green" },
  removed: { sign: "-", style: "red" },
  changed: { sign: "~", style: "yellow" },
};

const EFFECTS: Record<ReloadChange["effect"], string> = {
  start: "starts",
  stop: "stops",
  restart: "restarts",
  scale: "changes its number of instances",
  live: "takes effect at once",
  daemon: "waits for a restart of the daemon",
};

/** Writes what a reload changed or would change, one line for each change, and how much stays. */
export function renderChanges({ changes, unchanged, dryRun, version }: ReloadAnswer, { paint }: TableOptions): string {
  const rows = changes.map((change): Cell[] => {
    const { sign, style } = CHANGE_SIGNS[change.kind];
    const what = change.keys.length > 0
      ? change.keys.join(", ")
      : change.from === undefined && change.to === undefined
      ? ""
      : `${change.from ?? "(not set)"} → ${change.to ?? "(not set)"}`;
    return [
      { text: sign, style },
      { text: change.name },
      { text: what },
      { text: EFFECTS[change.effect], style: change.effect === "daemon" ? "yellow" : "dim" },
    ];
  });
  const lines = rows.length === 0 ? [] : renderTable(["", "", "", ""], rows, { paint }).split("\n").slice(1);
  lines.push(`${paint("=", "dim")}  ${unchanged} service${unchanged === 1 ? "" : "s"} unchanged`);
  const isAny = changes.some(({ effect }) => effect !== "daemon");
  const applied = isAny ? `configuration ${version} is in force` : `nothing to change: configuration ${version} stays in force`;
  lines.push(paint(dryRun ? "a dry run: nothing was changed" : applied, "dim"));
  return lines.join("\n");
}

/** Writes an event after its time and the unit's name, `daemon` for the daemon itself. */
export function renderEvent(event: DaemonEvent, options: { paint: Paint; nameWidth: number }): string {
  const { paint, nameWidth } = options;
  const name = ownerOf(event).padEnd(nameWidth);
  return `${paint(event.time, "dim")}  ${paint(name, "cyan")}  ${whatHappened(event, paint)}`;
}

/** Name of the unit or part that an event is about. */
export function ownerOf(event: DaemonEvent): string {
  return "name" in event ? event.name : "daemon";
}

function whatHappened(event: DaemonEvent, paint: Paint): string {
  if (event.type === "unit.ready") return event.ready ? paint("ready", "green") : paint("not ready", "yellow");
  if (event.type === "config.reload") {
    const style = event.outcome === "refused" ? "red" : event.outcome === "applied" ? "green" : "dim";
    return `${paint(`configuration ${event.outcome}`, style)}: ${plainCell(event.reason)}`;
  }
  const isUnit = event.type === "unit.state";
  const what = isUnit ? paint(event.to, STATE_STYLES[event.to]) : paint(event.type.slice("daemon.".length), "bold");
  return event.reason === "" ? what : `${what}: ${plainCell(event.reason)}`;
}

/** Replaces what would move the cursor or change the terminal, as units choose their reasons themselves. */
export function plainCell(text: string): string {
  // deno-lint-ignore no-control-regex -- control characters are what it looks for
  return withoutSequences(text).replace(/[\x00-\x1f\x7f-\x9f]+/g, " ");
}

function pidOf(unit: UnitStatus): string {
  const isUp = hasRunInState(unit.state);
  return isUp && typeof unit.details.pid === "number" ? String(unit.details.pid) : "-";
}

function uptimeOf(unit: UnitStatus, nowMs: number): string {
  if (unit.startedAt === null || !hasUptimeInState(unit.state)) return "-";
  return formatDuration(Math.max(0, nowMs - Date.parse(unit.startedAt)));
}

/** Why it is so, and what an operator would not expect of it. */
function reasonOf(unit: UnitStatus): string {
  const { escaped, ending } = unit.details;
  const strays = Array.isArray(escaped) ? `an earlier run left: ${escaped.join(", ")}` : "";
  const rest = Array.isArray(ending) ? `its program has ended, what it started is being ended: ${ending.join(", ")}` : "";
  return [whyOf(unit), rest, strays].filter((part) => part !== "").join("; ");
}

/** A unit that runs needs no reason, and its name stands in the first column already. */
function whyOf({ name, state, ready, reason, details: { adopted, heartbeat } }: UnitStatus): string {
  if (isRunningState(state) && ready !== false) {
    // Its logs stay empty and its end will be unknown, so whoever looks is to know why.
    return adopted === true
      ? "adopted from an earlier daemon"
      : typeof heartbeat === "string"
      ? `blocked: its heartbeat is missing, ${heartbeat}`
      : "";
  }
  if (isStartingState(state) && reason === "start") return ready === false ? "is not ready yet" : "";
  return reason.startsWith(`${name} `) || reason.startsWith(`${name}: `) ? reason.slice(name.length).replace(/^:? /, "") : reason;
}

/** Narrows the last column, then the first, until a line fits. */
function fit(widths: number[], width: number): void {
  const MIN = 8;
  for (const column of [widths.length - 1, 0]) {
    const tooMuch = widths.reduce((sum, each) => sum + each + GAP, -GAP) - width;
    if (tooMuch > 0) widths[column] = Math.max(Math.min(MIN, widths[column]), widths[column] - tooMuch);
  }
}

function cut(text: string, width: number): string {
  return lengthOf(text) <= width ? text : `${[...text].slice(0, Math.max(0, width - 1)).join("")}…`;
}

function lengthOf(text: string): number {
  return [...plainCell(text)].length;
}
